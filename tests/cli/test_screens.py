"""What a person sees at 80 and 200 columns, in tmux: results of every command, and progress."""

import random
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.cli.app import _COMMANDS
from tests import attested, build, golden_files
from tests.cli.terminal import Terminal, terminal
from tests.cli.test_golden_output import APP, BASE, TOOL
from tests.operations.registries import put
from tests.postgresql import Server
from tests.registry import servers

ROOT = Path(__file__).parents[2]
HOST, HOME_REGISTRY = "{host}", "registry.example.com"
MIRROR = f"--mirror {HOME_REGISTRY}=http://{HOST}"
LONG = "example.com/a/very/long/name/of/an/image/that/fills/the/terminal:stable"
SBOM = attested.referrer(TOOL, attested.blob(attested.spdx(curl="8.1", zlib="1.2"), build.SPDX))
RULES = '[rules.no-broken]\nquery = "refs is:broken"\nexpect = "none"\n'
JOURNAL = """\
{"format":"cachedb journal","version":1,"id":"0123456789abcdef","rewritten":0}
{"op":"import","at":1715000000000000,"by":"ada","names":["example.com/app:1"],"size":10267068}
"""
RESULTS = [
    "sample ..",
    "ls",
    "ls --columns name,state",
    "cache dir --cache /nowhere",
    "config list",
    "show tool:2",
    "du",
    "history docker.io/library/tool:2",
    "tree tool:2",
    "inspect example.com/app:1",
    f"find-root {BASE.digest}",
    f"why {BASE.digest}",
    "files tool:2",
    "cat tool:2:/tool",
    "diff example.com/app:1 tool:2 --platform linux/amd64",
    "index files --all",
    "waste",
    "sbom tool:2",
    "query blobs kind:layer sort -size",
    "report --section repositories",
    "check ../rules.toml",
    "validate",
    "verify",
    "doctor",
    f"tag tool:2 {LONG}",
    "ls",
    "pin tool:2",
    "unpin tool:2",
    "untag tool:2",
    "tags {host}/team/app",
    f"pull {HOME_REGISTRY}/team/app:1 {MIRROR}",
    f"sync ../images.txt {MIRROR}",
    f"push {LONG} --remote-name {{host}}/t/x:1",
    "copy {host}/team/app:1 {host}/t/y:1",
    "policy check ../policy.toml",
    "prune --dry-run --keep-last 1 --tz UTC",
    "gc --dry-run --grace 0",
    f"export {LONG} -o ../tool.tar",
    "import ../tool.tar",
    f"rm --dry-run {LONG}",
    "rm --where tag:stable --yes",
    "gc --grace 0",
    "fleet --help | head -1",
    "log --limit 1 --tz UTC --cache ../logged",
    "clean --yes",
    "ls",
]
"""Commands in the order in which they are run on one cache."""


class Prepared:
    """A terminal in a folder with archives and a cache, and two registries."""

    def __init__(self, shell: Terminal, host: str, other: str) -> None:
        self.shell = shell
        self.host = host
        self.other = other

    def write(self, command: str) -> str:
        return command.replace("{host}", self.host).replace("{other}", self.other)


@pytest.fixture(params=[80, 200])
def width(request: pytest.FixtureRequest) -> int:
    found: int = request.param
    return found


@pytest.fixture
def prepared(width: int, tree: build.Tree, server: Server, tmp_path: Path) -> Iterator[Prepared]:
    (tmp_path / "rules.toml").write_text(RULES)
    (tmp_path / "policy.toml").write_text("version = 1\nkeep-last = 3\n")
    (tmp_path / "images.txt").write_text(f"{HOME_REGISTRY}/team/big:1\n")
    logged = build.layout(tmp_path / "logged", {"app:1": build.image()})
    (logged.path / ".cachedb").mkdir(mode=0o700, exist_ok=True)
    (logged.path / ".cachedb" / "journal.jsonl").write_text(JOURNAL)
    with (
        servers.docker_registry(tmp_path / "registry") as registry,
        servers.docker_registry(tmp_path / "other-registry") as other,
        terminal(
            tree.path, tmp_path / "tmux", width,
            CACHEDB_CACHE=".", FARM=server.url(), HOME=str(tmp_path), PYTHONPATH=str(ROOT),
        ) as shell,
    ):  # fmt: skip
        put(registry.host, "team/app", APP)
        put(registry.host, "team/big", BIG)
        yield Prepared(shell, registry.host, other.host)


def test_every_command_has_a_screen() -> None:
    assert {command.split()[0] for command in RESULTS} == set(_COMMANDS)


def test_golden_screens_of_results(prepared: Prepared, tree: build.Tree) -> None:
    tree.add(APP, "example.com/app:1")
    tree.add(TOOL, "docker.io/library/tool:2")
    tree.add(SBOM)
    told = []
    for command in RESULTS:
        shown = prepared.shell.show(prepared.write(f"cachedb {command}"))
        assert all(len(line) <= prepared.shell.width for line in shown.splitlines())
        told.append(f"$ cachedb {command}\n{shown}\n")
    golden_files.check(f"screens_{prepared.shell.width}.txt", "\n".join(told))


# -- progress ------------------------------------------------------------------------------------

LAYER = build.layer({"big": random.Random(1).randbytes(4 << 20)}, media_type=build.OCI_LAYER)
BIG = build.image(LAYER)
BIG_NAME = f"{HOME_REGISTRY}/team/big:1"
PROGRESS = [
    ("compare files", "ls"),
    ("index", "ls"),
    ("read SBOMs", "ls"),
    ("read catalog", "find-root big:1"),
    ("select images", "ls arch:amd64"),
    ("query", "query blobs"),
    ("measure usage", "du"),
    ("report", "report"),
    ("check rules", "check ../rules.toml"),
    ("validate", "validate"),
    ("examine", "doctor"),
    ("plan export", "export big:1 -o ../out.tar"),
    ("find unreferenced blobs", "gc --dry-run"),
    ("find shared blobs", "rm --dry-run big:1"),
    ("publish", 'fleet add "$FARM"'),
    ("index files", "index files big:1"),
    ("find visible files", "index files --all"),
    ("verify", "verify"),
    ("verify", "validate --deep"),
    ("unpack", "validate --deep"),
    ("export", "export big:1 -o ../out.tar"),
    ("export", "export big:1 --format docker -o ../out.tar"),
    ("push", "push big:1 --remote-name {host}/t/b:1 -j 1"),
    ("pull", f"pull {BIG_NAME} {MIRROR} -j 1 --cache ../other"),
    ("pull", f"sync ../images.txt {MIRROR} -j 1 --cache ../other"),
    ("push", "copy {host}/team/big:1 {other}/t/c:1 -j 1 --cache ../other"),
    ("import", "import ../big.tar --cache ../third"),
    ("import", "import --cache ../third - < ../big.tar"),
    ("import", "import ../folder --cache ../third"),
    ("index", "doctor --rebuild"),
    ("check documents", "gc --grace 0"),
    ("collect", "gc --grace 0"),
    ("collect", "prune --keep-last 9 --grace 0 --yes --tz UTC"),
    ("collect", "clean --yes"),
    ("write names", "tag big:1 other:1"),
    ("collection", "gc --grace 0"),
]
"""Beginning of the step that is held when half of it is done, and the command."""


def test_every_step_has_a_screen() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "cachedb").rglob("*.py"))
    steps = re.findall(r'(?:\.task|@as_step)\(\s*f?"([A-Za-z ]+)', sources)
    labels = {label.strip() for label in steps}
    assert {step for step, _ in PROGRESS} == labels | {"pull"}


def settled(shell: Terminal, command: str, number: int) -> str:
    """Return the screen when it has been the same for a while."""
    found = ""
    for _ in range(10):
        before, found = found, shell.captured(command)
        # The terminal may still show the end of the command before.
        while before != found or f"ended-{number}" in found.splitlines():
            before, found = found, shell.captured(command)
    return found


def test_golden_screens_of_progress(prepared: Prepared, tree: build.Tree, tmp_path: Path) -> None:
    shell = prepared.shell
    tree.add(BIG, "big:1")
    tree.add(APP, "example.com/app:1")
    for version in range(4):
        document = attested.blob(attested.spdx(curl=f"8.{version}"), build.SPDX)
        tree.add(attested.referrer(BIG, document))
    for number in range(8):
        tree.put(build.layer({f"orphan-{number}": ""}))
    (tmp_path / "big.tar").write_bytes(build.archive({"big:1": BIG}))
    build.layout(tmp_path / "folder", {"big:1": BIG})
    told = []
    for number, (step, words) in enumerate(PROGRESS):
        event = shell.telling(f"held-{number}")
        command = prepared.write(
            f"{sys.executable} -m tests.cli.held {shlex.quote(step)} {shlex.quote(event)} {words}"
        )
        shell.type(command, f"held-{number}")
        shell.wait(f"held-{number}")
        shown = settled(shell, command, number)
        assert all(len(line) <= shell.width for line in shown.splitlines())
        assert f"ended-{number + 1}" not in shown.splitlines(), (
            f"{words!r} has no step {step!r}: {shown}"
        )
        ended = shell.interrupt(command)
        told.append(f"$ cachedb {words}\n{shown}\n{ended}\n")
    golden_files.check(f"progress_{shell.width}.txt", "\n".join(told))
