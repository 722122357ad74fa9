"""Tab completion in bash, as bash does it: names, digests, and the words and values of queries."""

import os
import pty
import re
import select
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache as memoized
from pathlib import Path

import pytest

from cachedb.cache import Cache
from tests import build
from tests.conftest import APP

BREAKS = re.compile(r"[:=]+|[^:=]+")


@pytest.fixture
def environment(populated: build.Tree, tmp_path: Path) -> dict[str, str]:
    """A shell in which `cachedb` is ours, on a cache that has been opened."""
    with Cache.open(populated.path) as cache:
        cache.save_query("tools", "refs repo:library/*", "what builds the rest")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "cachedb").symlink_to(Path(sys.executable).with_name("cachedb"))
    return os.environ | {
        "CACHEDB_CACHE": str(populated.path),
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "TERM": "dumb",
    }


@memoized
def script() -> str:
    """Return what ``cachedb --show-completion`` has a shell run."""
    asked = os.environ | {"_CACHEDB_COMPLETE": "source_bash"}
    program = Path(sys.executable).with_name("cachedb")
    return subprocess.run([program], env=asked, check=True, capture_output=True, text=True).stdout


def complete(environment: dict[str, str], *words: str) -> list[str]:
    """Ask for the last of `words` as bash does, which breaks what is not quoted at `:` and `=`."""
    broken = [
        part
        for word in words
        for part in ([word] if word.startswith("'") else BREAKS.findall(word) or [""])
    ]
    listed = " ".join(shlex.quote(word) for word in ["cachedb", *broken])
    code = f"""{script()}
        COMP_WORDS=({listed}); COMP_CWORD={len(broken)}
        _cachedb_completion cachedb
        printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(
        ["bash", "--norc", "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


def test_names_are_completed(environment: dict[str, str]) -> None:
    assert complete(environment, "show", "exam") == ["example.com/app:1"]
    assert complete(environment, "show", "example.com/app:") == ["1"]
    assert complete(environment, "show", APP.digest[:15]) == [APP.digest.removeprefix("sha256:")]


def test_addresses_of_unreadable_entries_are_completed_for_rm(
    environment: dict[str, str], populated: build.Tree
) -> None:
    populated.write_entries([{"digest": "x"}, *populated.entries()])
    with Cache.open(populated.path) as cache:
        (entry,) = cache.unreadable_entries()
    assert complete(environment, "rm", "index.json[") == [entry.address]
    assert complete(environment, "rm", "exam") == ["example.com/app:1"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["refs", "is:unt"], "untagged", id="flag"),
        pytest.param(["lay"], "layers", id="noun"),
        pytest.param(["refs", "tag:"], "1", id="tag"),
        pytest.param(["refs", "tag", "eq", ""], "1", id="tag-behind-a-word"),
        pytest.param(["refs", "repo:library/t"], "library/tool", id="repository"),
        pytest.param(["refs", "repository:docker.io/"], "docker.io/library/tool", id="whole"),
        pytest.param(["refs", "platform:linux/ar"], "linux/arm64", id="platform"),
        pytest.param(["refs", "digest:sha256:"], APP.digest[7:], id="digest"),
        pytest.param(["refs", "label:te"], "team", id="key"),
        pytest.param(["refs", "label:team=r"], "red", id="value-of-a-key"),
        pytest.param(["refs", "label:team", "has", "b"], "blue", id="value-behind-a-word"),
        pytest.param(["blobs", "ref.tag:"], "2", id="along-a-relation"),
        pytest.param(["refs", "tag:1", "so"], "sort", id="clause"),
        pytest.param(["@t"], "@tools", id="saved"),
        pytest.param(["refs", "--format", "json", "tag:"], "2", id="behind-an-option"),
        pytest.param(["'refs (tag:"], "refs (tag:1", id="in-quotes"),
    ],
)
def test_queries_are_completed(
    environment: dict[str, str], words: list[str], expected: str
) -> None:
    offered = complete(environment, "query", *words)
    assert expected in offered


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["rm", "--where", "tag:"], "1", id="where"),
        pytest.param(["gc", "--drop", "repo:library/"], "library/tool", id="drop"),
        pytest.param(["gc", "--where", "lay"], "layers", id="where-of-blobs"),
        pytest.param(["ls", "--format", "js"], "jsonl", id="format"),
    ],
)
def test_queries_in_options_are_completed(
    environment: dict[str, str], words: list[str], expected: str
) -> None:
    assert expected in complete(environment, *words)


def test_no_blank_comes_behind_what_is_not_finished(environment: dict[str, str]) -> None:
    assert "platform:linux/" in complete(environment, "query", "refs", "platf")


def test_without_a_cache_nothing_is_offered_and_nothing_is_said(
    environment: dict[str, str], populated: build.Tree
) -> None:
    (populated.path / ".cachedb" / "index.db").unlink()
    assert complete(environment, "show", "exam") == [""]


def typed(environment: dict[str, str], keys: str, until: str) -> str:
    """Press keys in a shell on a terminal, and return the screen when `until` is on it."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe("bash", ["bash", "--norc", "-i"], environment | {"PS1": "ready> "})
    return "".join(_screen(pid, terminal, script(), keys, until))


def _screen(pid: int, terminal: int, setup: str, keys: str, until: str) -> Iterator[str]:
    os.write(terminal, f"{setup}\nclear; echo set''up\n".encode())
    seen, is_typed, patience = "", False, time.monotonic() + 60
    while until not in seen and time.monotonic() < patience:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        with suppress(OSError):
            seen += os.read(terminal, 4096).decode(errors="replace")
        if not is_typed and "setup\r\n" in seen:
            os.write(terminal, keys.encode())
            seen, is_typed = "", True
    os.close(terminal)
    os.waitpid(pid, 0)
    yield seen


def test_a_tab_on_a_terminal_completes_a_value_behind_its_colon(
    environment: dict[str, str],
) -> None:
    keys = "cachedb query repo:library/\t show name --quiet\n"
    assert "docker.io/library/tool:2" in typed(environment, keys, "tool:2")
