"""The locks that each command waits for; a wait of two seconds is told with its holder."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb import lock_waits
from cachedb.cli.app import _COMMANDS
from cachedb.errors import CacheBusy
from tests.cli.command_lines import LINES, Place
from tests.cli.conftest import Run

_HOLDER = """
import json, sqlite3, sys
from contextlib import ExitStack, closing
from pathlib import Path
from cachedb.layout import Layout, locks

def hold(root, lock):
    if lock == "catalog":
        database = sqlite3.connect(f"{root}/.cachedb/index.db", isolation_level=None)
        database.execute("BEGIN IMMEDIATE")
        stack.enter_context(closing(database))
        return
    layout = stack.enter_context(Layout.open(Path(root)))
    if lock == "journal":
        stack.enter_context(locks.journal(stack.enter_context(layout._private())))
    else:
        takes = {"names": layout.locking_names, "collections": layout.sweeping,
                 "publishing": layout.publishing}
        stack.enter_context(takes[lock]())

for line in sys.stdin:
    with ExitStack() as stack:
        hold(*json.loads(line))
        print("held", flush=True)
        sys.stdin.readline()
    print("free", flush=True)
"""
LOCKS = {
    "names": "the lock of names (.lock)",
    "collections": "the lock of collections (.cachedb/gc.lock)",
    "publishing": "the lock of collections (.cachedb/gc.lock)",
    "journal": "the lock of the journal (.cachedb/journal.lock)",
    "catalog": "a transaction on index.db",
}
"""Locks that another process holds, and how a notice names them.

`collections` is `gc.lock` held exclusively, as by a sweep, and `publishing` the same file held
shared, as by a pull. Before `catalog` is held, another tool touches index.json, so that every
command that opens the cache writes to the catalog.
"""
_NONE: set[str] = set()
_READS = {"catalog"}
_READS_AND_RECORDS = {"catalog", "journal"}
_CHANGES_NAMES = {"catalog", "journal", "names"}
_PUBLISHES = {"catalog", "collections", "journal", "names"}
_COLLECTS = set(LOCKS)
WAITS: dict[str, set[str]] = {
    **dict.fromkeys(("cache", "config", "doctor", "fleet", "log", "sample", "tags"), _NONE),
    **dict.fromkeys(("check", "du", "find-root", "index", "inspect", "ls", "query"), _READS),
    **dict.fromkeys(("report", "show", "tree", "validate", "verify", "waste", "why"), _READS),
    **dict.fromkeys(("cat", "diff", "export", "files", "history", "sbom"), _READS_AND_RECORDS),
    "push": _READS_AND_RECORDS,
    **dict.fromkeys(("pin", "rm", "tag", "unpin", "untag"), _CHANGES_NAMES),
    **dict.fromkeys(("copy", "import", "pull", "sync"), _PUBLISHES),
    **dict.fromkeys(("clean", "gc", "policy", "prune"), _COLLECTS),
}
"""Locks that a command waits for."""


class Holder:
    """Another process, which holds one lock at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.pid = process.pid

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline()

    def hold(self, cache: Path, lock: str) -> None:
        self.tell(json.dumps([str(cache), lock]))

    def let_go(self) -> None:
        self.tell("")


@pytest.fixture(scope="module")
def holder() -> Iterator[Holder]:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Holder(process)
        process.kill()


def test_every_command_has_a_row() -> None:
    assert WAITS.keys() == set(_COMMANDS)


@pytest.mark.parametrize("command", _COMMANDS)
def test_a_command_prints_its_waits(
    run: Run, place: Place, holder: Holder, command: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    told: list[tuple[str, str]] = []

    def log(what: str, holder: str, seconds: float | None) -> None:
        told.append((what, holder))
        raise CacheBusy("the wait is told")

    monkeypatch.setattr(lock_waits, "NOTICE_SECONDS", 0)
    monkeypatch.setattr(lock_waits, "log", log)
    line, waited = LINES[command], set()
    for lock, name in LOCKS.items():
        place.renew()
        for words in ("ls", *filter(None, (line.before,))):
            assert run(place.cache, *place.words(words)).code == 0
        if lock == "catalog":
            os.utime(place.cache / "index.json")
        told.clear()
        holder.hold(place.cache, lock)
        done = run(place.cache, *place.words(line.typed))
        holder.let_go()
        if told:
            waited.add(lock)
            assert {what for what, _ in told} == {name}
            assert all(text.startswith(f"process {holder.pid} (python") for _, text in told)
        else:
            assert done.code == 0, done.err
    assert waited == WAITS[command]
