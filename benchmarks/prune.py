"""Cost of a plan of prune with a size limit, beside a dry run of gc.

    python -m benchmarks.prune [IMAGES [LAYOUT]]

The layout has 7 blobs of its own an image, 72 000 for 10 000 names (the default). A figure is the
minimum of five runs of the whole process, the two commands in turn. Recording a use is measured
in the process, as the minimum of a thousand.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from benchmarks import layouts
from benchmarks.timing import run
from cachedb.cache import Cache
from cachedb.operations.sync import history

CACHEDB = str(Path(sys.executable).with_name("cachedb"))
RUNS = 5


def main(images: int, given: str | None = None) -> None:
    """Write a layout, or take one, and measure."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(given) if given else Path(folder) / "cache"
        if not path.exists():
            layouts.make(path, images)
        with Cache.open(path) as cache:
            live = cache.usage().total
            _record(cache)
        commands = {
            "gc --dry-run": ["gc", "--dry-run", "--grace", "0"],
            "prune --max-size (half)": ["prune", "--dry-run", "--max-size", str(live // 2)],
            "prune --unused-for 1y": ["prune", "--dry-run", "--unused-for", "1y"],
            "prune --keep-last 3": ["prune", "--dry-run", "--keep-last", "3"],
        }
        runs = {name: [] for name in commands}
        for _ in range(RUNS):
            for name, words in commands.items():
                runs[name].append(run([CACHEDB, *words, "--cache", str(path)], {}))
    base = min(each.cpu for each in runs["gc --dry-run"])
    for name, found in runs.items():
        cpu, memory = min(each.cpu for each in found), max(each.memory for each in found)
        print(f"{name:26} {cpu:6.2f} s CPU  {cpu / base:5.2f} x gc  {memory:5.0f} MiB")


def _record(cache: Cache) -> None:
    times = []
    for _ in range(1000):
        before = time.process_time()
        history.record(cache.layout, cache.catalog, history.USE, names=["example.com/app:1"])
        times.append(time.process_time() - before)
    print(f"{'recording a use':26} {min(times) * 1e6:6.0f} µs CPU, without fsync")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, *sys.argv[2:3])
