"""Each row of the table of durability points (docs/explanation/store.md) against system calls.

One cache is made, filled, pinned and collected by whole processes under strace, which resolves
descriptors to paths. A row is a law about the order of the calls.
"""

import re
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks import layouts
from tests.programs import require

NAME = "docker.io/bench/app-00000:v1"
_CALLS = "openat,mkdir,mkdirat,fsync,fdatasync,rename,renameat,renameat2,linkat"
_DONE = re.compile(r"^\d+ +(\w+)\((.*)\) += (?:0|\d+<.*>)$")
_PLACE = re.compile(r'(?:\d+|AT_FDCWD)<([^>]*)>(?:, "([^"]*)")?')
_PAGE = Path(__file__).resolve().parents[2] / "docs/explanation/store.md"
_TABLE = re.compile(r"^## Durability points\n\n(.*?)\n\n", re.MULTILINE | re.DOTALL)


class Call(NamedTuple):
    """A successful system call: `paths` are its files, of a rename the old and the new one."""

    name: str
    paths: tuple[str, ...]


def calls_of(trace: Path, cache: Path) -> list[Call]:
    """Parse a trace; paths are relative to the cache, and files outside of it are left out."""
    found = []
    for line in trace.read_text(errors="replace").splitlines():
        if (done := _DONE.match(line)) is None:
            continue
        places = [f"{at}/{name}" if name else at for at, name in _PLACE.findall(done[2])]
        paths = tuple(
            place.removeprefix(f"{cache}").lstrip("/")
            for place in places
            if place == f"{cache}" or place.startswith(f"{cache}/")
        )
        if paths:
            kind = "sync" if "sync" in done[1] else done[1].removesuffix("at2").removesuffix("at")
            found.append(Call(kind, paths))
    return found


def traced(trace: Path, cache: Path, *words: str | Path) -> list[Call]:
    program = Path(sys.executable).with_name("cachedb")
    subprocess.run(
        ["strace", "-f", "-y", "-qq", "-s", "4096", "-e", f"trace={_CALLS}", "-o", trace,
         program, *words, "--cache", cache],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return calls_of(trace, cache)


class Traces(NamedTuple):
    """The calls of commands on one cache, in the order in which they ran."""

    imported: list[Call]
    pinned: list[Call]
    collected: list[Call]


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Traces:
    require("strace")
    folder = tmp_path_factory.mktemp("durability").resolve()
    layouts.make(folder / "source", 1)
    with tarfile.open(folder / "source.tar", "w") as archive:
        for name in ("oci-layout", "index.json", "blobs"):
            archive.add(folder / "source" / name, arcname=name)
    cache, trace = folder / "cache", folder / "trace"
    imported = traced(trace, cache, "import", folder / "source.tar")
    pinned = traced(trace, cache, "pin", NAME)
    traced(trace, cache, "unpin", NAME)
    traced(trace, cache, "rm", NAME)
    return Traces(imported, pinned, traced(trace, cache, "gc", "--grace", "0"))


def places(calls: list[Call], name: str, matching: Callable[[Call], bool]) -> list[int]:
    found = [at for at, call in enumerate(calls) if call.name == name and matching(call)]
    assert found, name
    return found


def synced(calls: list[Call], path: str) -> list[int]:
    return places(calls, "sync", lambda call: call.paths == (path,))


def published(calls: list[Call]) -> list[int]:
    """Return the calls that give files their places in the blob store."""
    return [
        at
        for at, call in enumerate(calls)
        if call.name in {"rename", "link"} and call.paths[-1].startswith("blobs/sha256/")
    ]


def a_staged_file_is_synced_before_it_is_published(traces: Traces) -> None:
    calls = traces.imported
    assert len(published(calls)) == layouts.OWN_BLOBS + 2
    for at in published(calls):
        encoded = calls[at].paths[-1].rpartition("/")[2]
        assert synced(calls, f".cachedb/ingest/sha256-{encoded}.part")[0] < at


def blobs_are_synced_before_index_json_is_written(traces: Traces) -> None:
    calls = traces.imported
    last = published(calls)[-1]
    named = places(calls, "rename", lambda call: call.paths[-1] == "index.json")[-1]
    assert any(last < at < named for at in synced(calls, "blobs/sha256"))


def index_json_is_synced_before_its_rename_and_the_directory_after_it(traces: Traces) -> None:
    for calls in (traces.imported, traces.pinned):
        for at in places(calls, "rename", lambda call: call.paths[-1] == "index.json"):
            assert synced(calls, calls[at].paths[0])[-1] < at
            assert any(at < then for then in synced(calls, ""))


def moved_blobs_are_synced_before_index_json_is_read_again(traces: Traces) -> None:
    calls = traces.collected
    moved = places(calls, "rename", lambda call: call.paths[0].startswith("blobs/sha256/"))
    run = calls[moved[0]].paths[-1].rpartition("/")[0]
    read = next(
        at for at, call in enumerate(calls) if at > moved[-1] and call.paths == ("index.json",)
    )
    ours = next(at for at in synced(calls, run) if at > moved[-1])
    theirs = next(at for at in synced(calls, "blobs/sha256") if at > ours)
    assert theirs < read


def a_finished_run_is_synced(traces: Traces) -> None:
    calls = traces.collected
    finished = places(calls, "rename", lambda call: call.paths[-1].endswith(".done"))
    assert any(at > finished[-1] for at in synced(calls, ".cachedb/trash"))


def a_made_directory_is_synced_at_once(traces: Traces) -> None:
    for calls in (traces.imported, traces.collected):
        for at in places(
            calls, "mkdir", lambda call: "/" in call.paths[0] or call.paths[0][:1] == "."
        ):
            parent = calls[at].paths[0].rpartition("/")[0]
            assert calls[at + 1] == Call("sync", (parent,))


def a_pin_is_synced_in_the_journal(traces: Traces) -> None:
    journal = synced(traces.pinned, ".cachedb/journal.jsonl")[-1]
    assert any(at > journal for at in synced(traces.pinned, ".cachedb"))


def the_catalog_is_synced_after_its_journal(traces: Traces) -> None:
    for calls in traces:
        for at in synced(calls, ".cachedb/index.db"):
            assert any(then < at for then in synced(calls, ".cachedb/index.db-journal"))


ROWS = {
    "a staged file": a_staged_file_is_synced_before_it_is_published,
    "the directory of blobs": blobs_are_synced_before_index_json_is_written,
    "the new `index.json`, then the directory of the layout":
        index_json_is_synced_before_its_rename_and_the_directory_after_it,
    "the directory of a run in `trash/`, then the directory of blobs":
        moved_blobs_are_synced_before_index_json_is_read_again,
    "`trash/`": a_finished_run_is_synced,
    "a directory in which another was created": a_made_directory_is_synced_at_once,
    "the journal, then its directory": a_pin_is_synced_in_the_journal,
    "the catalog (SQLite, `synchronous=FULL`, truncated journal)":
        the_catalog_is_synced_after_its_journal,
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_a_durability_point_of_the_documentation_holds_in_system_calls(
    row: str, traces: Traces
) -> None:
    ROWS[row](traces)


def test_the_documentation_lists_the_durability_points_that_are_tested() -> None:
    page = _PAGE.read_text()
    table = _TABLE.search(page)
    assert table is not None
    cells = [line.split(" | ")[0].removeprefix("| ") for line in table[1].splitlines()]
    assert cells[2:] == list(ROWS)
