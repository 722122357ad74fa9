"""What the first opening of a layout that another tool wrote costs, without a clock.

Counted are system calls and statements for each image, and the peak memory of a process of its
own. Numbers are differences between two layouts, so that start-up does not count.
"""

import resource
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import layouts
from cachedb.cache import Cache
from tests import build, connections, strace

FEW, MANY = 100, 300
DOCUMENTS = 5
"""Of an image of `layouts.make`: an index, two manifests, two configurations."""
_OPEN = """
import resource, sys
from pathlib import Path
from cachedb.cache import Cache
with Cache.open(Path(sys.argv[1])):
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.fixture
def layout(tmp_path: Path) -> layouts.Made:
    return layouts.Made(tmp_path)


def system_calls(layout: Path) -> Counter[str]:
    return strace.count([sys.executable, "-c", _OPEN, layout])


def test_first_open_reads_a_document_with_four_system_calls(
    layout: layouts.Made,
) -> None:
    few = system_calls(layout.of(FEW))
    many = system_calls(layout.of(MANY))
    more = (MANY - FEW) * DOCUMENTS
    for name in ("openat", "read", "close"):
        assert many[name] - few[name] <= 1.02 * more, name
    # One of each file while the directory is listed, and one of each document.
    files = len(list((layout.of(MANY) / "blobs/sha256").iterdir()))
    files -= len(list((layout.of(FEW) / "blobs/sha256").iterdir()))
    assert many["newfstatat"] - few["newfstatat"] <= 1.02 * (files + more)


def statements(layout: Path) -> tuple[int, int]:
    """Return the statements of the first opening, and the rows that it makes."""
    counts: Counter[str] = Counter()

    def on_statement() -> None:
        counts["statement"] += 1

    with connections.counting_statements(on_statement), Cache.open(layout):
        run = counts["statement"]
    with closing(sqlite3.connect(layout / ".cachedb" / "index.db")) as connection:
        named = "SELECT name FROM sqlite_schema WHERE type = 'table'"
        tables = [name for (name,) in connection.execute(named)]
        rows = [connection.execute(f'SELECT count(*) FROM "{name}"') for name in tables]
        return run, sum(row.fetchone()[0] for row in rows)


def test_first_open_inserts_fifty_rows_with_a_statement(layout: layouts.Made) -> None:
    few, rows_of_few = statements(layout.of(FEW))
    many, rows_of_many = statements(layout.of(MANY))
    more = (rows_of_many - rows_of_few) / 50
    assert 0.8 * more <= many - few <= 1.05 * more


def peak(layout: Path) -> int:
    """Return the peak memory in KiB of a process that may not use more than 1 GiB."""
    done = subprocess.run(
        [sys.executable, "-c", _OPEN, layout],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout)


def test_first_open_takes_at_most_ten_kilobytes_of_memory_an_image(
    layout: layouts.Made,
) -> None:
    few, many = 1_000, 3_000
    assert peak(layout.of(many)) - peak(layout.of(few)) <= 10 * (many - few)


def test_first_open_writes_no_row_that_refers_to_a_missing_one(
    populated: build.Tree, layout: layouts.Made
) -> None:
    """SQLite checks no foreign key meanwhile."""
    for path in (populated.path, layout.of(FEW)):
        with Cache.open(path) as cache, cache.catalog.reading() as connection:
            assert connection.faults() == []
            (links,) = connection.run("SELECT count(*) FROM link")
            assert links > (0,)
