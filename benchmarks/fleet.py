"""Queries of a fleet beside the same query of one cache with as many names, as Markdown.

    python -m benchmarks.fleet [--caches 50] [--names 1000] [--repeat 5]

Publishes one layout of NAMES images as each of CACHES caches into one database of PostgreSQL, and
a layout with as many images as all of these into another. The queries are run in turn, in this
process, whose connection is open: milliseconds of wall clock, minimum and median, of the whole
query with its rows. A fleet should take at most twice the time of the one cache.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.layouts import Made
from cachedb import Cache
from cachedb.fleet import Fleet
from tests.postgresql import serving

QUERIES = (
    "refs arch:arm64 show cache,name",
    "refs layer.size gt 10 show cache,name sort name limit 20",
    "refs not arch:s390x top 10 by -size",
    "blobs group cache",
    "blobs kind:layer group kind",
)


def main() -> None:
    """Publish the caches, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--caches", type=int, default=50)
    parser.add_argument("--names", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving() as server, ExitStack() as stack:
        made = Made(Path(folder))
        many, one = server.make_database(), server.make_database()
        began = time.perf_counter()
        with Cache.open(made.of(options.names)) as cache:
            for number in range(options.caches):
                cache.join_fleet(server.url(f"host-{number:03}", many))
        print(f"{options.caches} caches published in {time.perf_counter() - began:.0f} s")
        began = time.perf_counter()
        with Cache.open(made.of(options.caches * options.names)) as cache:
            cache.join_fleet(server.url("all", one))
        print(f"one cache of as many names in {time.perf_counter() - began:.0f} s", flush=True)
        fleets = [stack.enter_context(Fleet.open(server.url("", name))) for name in (many, one)]
        print("\n| query | rows | fleet, ms | median | one cache, ms | median | ratio |")
        print("|---|---:|---:|---:|---:|---:|---:|")
        for query in QUERIES:
            print(_row(query, fleets, options.repeat), flush=True)


def _row(query: str, fleets: list[Fleet], repeat: int) -> str:
    times: list[list[float]] = [[], []]
    rows = 0
    for _ in range(repeat):
        for number, fleet in enumerate(fleets):
            began = time.perf_counter()
            found = len(fleet.query(query))
            times[number].append(1000 * (time.perf_counter() - began))
            rows = max(rows, found)
    cells = [f"{call(each):.0f}" for each in times for call in (min, statistics.median)]
    ratio = min(times[0]) / min(times[1])
    return f"| `{query}` | {rows} | {' | '.join(cells)} | {ratio:.2f} |"


if __name__ == "__main__":
    main()
