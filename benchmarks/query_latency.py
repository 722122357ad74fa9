"""Latency of every worked example of the query language.

    python -m benchmarks.query_latency [IMAGES]

The catalog is generated, deterministically for a number of images: 10 000 give 10 000 names,
240 000 blobs and 500 000 edges. A time is the minimum CPU time of three runs, all rows read.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from cachedb.query.semantics.check import check
from cachedb.query.sql.compile import compile_query
from cachedb.query.syntax.parser import parse
from tests.query import databases, generate
from tests.query.examples import EXAMPLES

RUNS = 3


def main() -> None:
    """Run every example on a generated catalog and print its CPU time."""
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    cache = generate.build_large(images)
    print(f"### {len(cache.refs)} refs, {len(cache.blobs)} blobs, {len(cache.edges())} edges\n")
    print("| example | CPU ms | rows | question |\n| --- | ---: | ---: | --- |")
    with (
        tempfile.TemporaryDirectory() as folder,
        databases.catalog(cache, f"sqlite:///{Path(folder) / 'index.db'}") as connection,
    ):
        for name, (question, text) in EXAMPLES.items():
            milliseconds, rows = measure(connection, text)
            print(f"| {name} | {milliseconds:.1f} | {rows} | {question} |", flush=True)


def measure(connection: Connection, text: str) -> tuple[float, int]:
    """Return the minimum CPU milliseconds of an example, and its number of rows."""

    def run() -> int:
        checked = check(parse(text, saved=databases.SAVED), now=generate.NOW)
        statement = compile_query(checked, "sqlite").statement
        return len(databases.execute(connection, statement, checked))

    times, rows = zip(*(timed(run) for _ in range(RUNS)), strict=True)
    return min(times) * 1000, rows[0]


def timed(run: Callable[[], int]) -> tuple[float, int]:
    """Return the CPU seconds of one run, and its number of rows."""
    before = time.process_time()
    rows = run()
    return time.process_time() - before, rows


if __name__ == "__main__":
    main()
