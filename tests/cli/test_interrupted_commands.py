"""Ctrl-C at chosen points of every command: one line, exit code 130, nothing changed."""

import os
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cachedb.cli.app import _COMMANDS, _module
from tests import build
from tests.cli import snapshot
from tests.interop.tools import cachedb, succeed

ROOT = Path(__file__).parents[2]
_AT_IMPORT = """
import os, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
"""
# What an installer writes into the program, after the line with the interpreter.
_PROGRAM = "from {module} import {function}\nsys.exit({function}())\n"
_WHILE_HELD = """
import os, signal, sys, time
from {module} import {owner}
def hold(*_, **__):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(600)
{owner}.{function} = hold
"""
_OPENING = {
    "module": "cachedb.operations.sync", "owner": "open_catalog", "function": "open_catalog"
}  # fmt: skip
HOST = "127.0.0.1:9"
ON_A_CACHE = {
    "pull": f"{HOST}/a/b:1", "push": f"app:1 --remote-name {HOST}/a/b:1",
    "copy": f"{HOST}/a/b:1 {HOST}/c/d:1", "inspect": "app:1", "import": "app.tar",
    "export": "app:1 -o out.tar", "ls": "", "show": "app:1", "history": "app:1", "tree": "app:1",
    "files": "app:1", "cat": "app:1:/small", "diff": "app:1 app:1", "index": "files --all",
    "waste": "app:1", "sbom": "app:1", "find-root": "app:1", "why": f"sha256:{'0' * 64}",
    "du": "", "report": "", "validate": "", "check": "rules.toml", "verify": "", "gc": "",
    "prune": "--keep-last 1", "policy": "apply", "pin": "app:1", "unpin": "app:1",
    "tag": "app:1 app:2", "untag": "app:1", "rm": "app:1", "clean": "--yes", "query": "refs",
}  # fmt: skip
_KEPT = {
    "pull": "; downloaded blobs are kept, run the command again to resume",
    "copy": "; downloaded blobs are kept, run the command again to resume",
    "push": "; uploaded blobs are kept, run the command again to resume",
    "index": "; layers that were indexed are kept, run the command again to resume",
}
ELSEWHERE = {"tags", "sync", "doctor", "config", "sample", "cache", "log", "fleet"}


def program() -> str:
    """Return the program as pip writes it."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["cachedb"].partition(":")
    return _PROGRAM.format(module=module, function=function)


def run(
    code: str, *words: str, cwd: Path, cache: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "HOME": str(cwd), "PYTHONPATH": str(ROOT)}
    if cache is not None:
        environment["CACHEDB_CACHE"] = str(cache)
    return subprocess.run(
        [sys.executable, "-c", code + program(), *words],
        env=environment, cwd=cwd, check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(
    "module",
    ["cachedb", "cachedb.errors", "cachedb.cli", "cachedb.cli.entry", "cachedb.cli.app", "typer"],
)
def test_ctrl_c_while_the_program_is_imported_ends_in_one_line(
    module: str, tmp_path: Path
) -> None:
    done = run(_AT_IMPORT.format(module=module), "ls", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (130, "cachedb: interrupted\n")


@pytest.mark.parametrize("name", _COMMANDS)
def test_ctrl_c_while_a_command_is_imported_ends_in_one_line(name: str, tmp_path: Path) -> None:
    module = f"cachedb.cli.{_module(name)}"
    done = run(_AT_IMPORT.format(module=module), name, "--help", cwd=tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "cachedb: interrupted\n")


def test_every_command_is_interrupted() -> None:
    assert ON_A_CACHE.keys() | ELSEWHERE == set(_COMMANDS)


@pytest.mark.parametrize("name", ON_A_CACHE)
def test_ctrl_c_while_a_command_opens_the_cache_changes_nothing(name: str, tmp_path: Path) -> None:
    tree = build.layout(tmp_path / "cache", {"app:1": build.image()})
    succeed(tree.path, "ls")
    (tmp_path / "app.tar").write_bytes(build.archive({"more:3": build.image()}))
    (tmp_path / "rules.toml").write_text('[rules.a]\nquery = "refs"\nexpect = "none"\n')
    before = snapshot.of(tree.path)
    done = run(
        _WHILE_HELD.format(**_OPENING), name, *ON_A_CACHE[name].split(),
        cwd=tmp_path, cache=tree.path,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == f"cachedb: interrupted{_kept(name)}\n"
    assert snapshot.of(tree.path) == before


@pytest.mark.parametrize(
    "words", ["tags {host}/a/b", "inspect --remote {host}/a/b:1", "sync list"]
)
def test_ctrl_c_while_a_registry_is_asked_ends_in_one_line(words: str, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(f"{HOST}/a/b:*\n")
    code = (
        "import os, signal, socket, sys, time\n"
        "def hold(*_, **__):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(600)\n"
        "socket.socket.connect = hold\n"
    )
    done = run(code, *words.format(host=HOST).split(), cwd=tmp_path, cache=tmp_path / "cache")

    assert done.returncode == 130
    assert done.stderr.startswith("cachedb: interrupted")


_AT_THE_SECOND_LAYER = """
import os, signal, sys, time
from cachedb.operations.files import file_rows
written = file_rows.write_found
layers = []
def write_found(connection, layer, found):
    layers.append(layer)
    if len(layers) == 2:
        written(connection, layer, found)
        os.kill(os.getpid(), {signal})
        time.sleep(600)
    written(connection, layer, found)
file_rows.write_found = write_found
"""


@pytest.mark.parametrize(("signal", "code"), [("signal.SIGINT", 130), ("signal.SIGKILL", -9)])
def test_an_index_that_is_stopped_keeps_finished_layers_and_resumes(
    signal: str, code: int, tmp_path: Path
) -> None:
    layers = [build.layer({f"etc/{number}": "x"}) for number in range(3)]
    tree = build.layout(tmp_path / "cache", {"app:1": build.image(*layers)})

    done = run(
        _AT_THE_SECOND_LAYER.format(signal=signal), "index", "files", "--all",
        cwd=tmp_path, cache=tree.path,
    )  # fmt: skip

    assert done.returncode == code
    resumed = cachedb(tree.path, "index", "files", "--all")
    assert (resumed.code, resumed.out) == (0, "")
    assert resumed.err.splitlines()[-1].startswith("indexed 2 layers of 1 image, 1 known before")
    assert succeed(tree.path, "query", "-q", "refs file:/etc/2 show name") == "app:1\n"


def _kept(name: str) -> str:
    return _KEPT.get(name, "")


def test_ctrl_c_while_a_server_does_not_answer_ends_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"postgresql+psycopg://127.0.0.1:{server.getsockname()[1]}/farm"
        process = subprocess.Popen(
            [sys.executable, "-m", "cachedb", "fleet", "list", "--catalog", url],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        server.settimeout(60)
        accepted, _ = server.accept()
        with accepted:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "cachedb: interrupted\n")
