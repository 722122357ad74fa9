"""Growth of commands with the number of images, as exponents of a power law.

    python -m benchmarks.growth [ROW…] [--images 1000 10000 50000] [--repeat 3] [--json FILE]
                                [--folder DIR]

Each row is the processor time (user and system) of a whole process, the minimum of its runs, less
the time that the same command takes in a cache of one image. The exponent is the slope of a line
through the logarithms, by least squares: 0 is constant, 1 is linear. A time below 5 ms counts as
5 ms, since the start of a process varies by as much. 50 000 images are 360 000 blobs. `--folder`
keeps the layouts for the next run.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from math import log
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import layouts
from benchmarks.timing import run

if TYPE_CHECKING:
    from collections.abc import Sequence

CACHEDB = str(Path(sys.executable).with_name("cachedb"))
NAME = "docker.io/bench/app-00000:v1"
NEW = "docker.io/bench/new-{}:v1"
# From so many seconds on, the times of files prove that nothing has changed since.
SETTLED = 2.1
LEAST = 0.005

ROWS = {
    "first open": "ls --quiet",
    "one change": f"find-root {NEW}",
    "ls": "ls",
    "ls --quiet": "ls --quiet",
    "find-root": f"find-root {NAME}",
    "gc plan": "gc --grace 0 --dry-run --quiet",
    "du": "du",
    "prune plan": "prune --max-size 10k --all --dry-run --quiet",
    "query of a name": f"query refs name:{NAME}",
    "query of a platform": "query refs arch:arm64 show name,size limit 10",
    "query of the largest": "query layers sort -size limit 10",
    "query of groups": "query refs group repo limit 10",
}
PRINTS_EACH = frozenset({"first open", "ls", "ls --quiet", "du", "prune plan"})
"""The rows that print, or index, every image: they are to grow linearly at most."""


class Site:
    """A layout of so many images, as another tool wrote it."""

    def __init__(self, path: Path, images: int) -> None:
        self._path = path
        self._added = 0
        if path.exists():
            return
        # In a process of its own: the peak memory of a child begins with the size of its parent.
        maker = multiprocessing.Process(target=layouts.make, args=(path, images))
        maker.start()
        maker.join()

    def seconds(self, row: str, repeat: int) -> float:
        """Return the least processor time of the command of a row."""
        # The first query of a shape is compiled, and its plan is kept.
        runs = repeat + row.startswith("query")
        return min(self._once(row) for _ in range(runs))

    def _once(self, row: str) -> float:
        words = ROWS[row]
        if row == "first open":
            shutil.rmtree(self._path / ".cachedb", ignore_errors=True)
        else:
            self._settle()
        if row == "one change":
            self._added += 1
            words = words.format(self._added)
            layouts.extend(self._path, NEW.format(self._added))
        return run([CACHEDB, *words.split(), "--cache", str(self._path)], {}).cpu

    def _settle(self) -> None:
        """Open the cache when the times of its files are old enough to be proof."""
        newest = max(
            found.stat().st_mtime
            for found in (self._path / "index.json", self._path / "blobs" / "sha256")
        )
        time.sleep(max(0.0, newest + SETTLED - time.time()))
        run([CACHEDB, "find-root", NAME, "--cache", str(self._path)], {})


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Return the slope of the line through the logarithms of both, by least squares."""
    xs = [log(size) for size in sizes]
    ys = [log(max(each, LEAST)) for each in seconds]
    middle, height = sum(xs) / len(xs), sum(ys) / len(ys)
    above = sum((x - middle) * (y - height) for x, y in zip(xs, ys, strict=True))
    return above / sum((x - middle) ** 2 for x in xs)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the rows in caches of each size and print a table with their exponents."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW")
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 10_000, 50_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args(arguments)
    # A process that may not write .pyc files compiles every module at every start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    rows = options.rows or list(ROWS)
    measured: dict[str, list[float]] = {row: [] for row in rows}
    with tempfile.TemporaryDirectory() as temporary:
        for images in (1, *options.images):
            site = Site((options.folder or Path(temporary)) / f"{images}", images)
            for row in rows:
                measured[row].append(site.seconds(row, options.repeat))
    found = {row: exponent(options.images, [each - one for each in seconds])
             for row, (one, *seconds) in measured.items()}  # fmt: skip
    _print(options.images, measured, found)
    if options.json:
        results = {row: {"cpu": measured[row], "exponent": found[row]} for row in rows}
        options.json.write_text(json.dumps({"images": [1, *options.images], "rows": results}))


def _print(
    sizes: Sequence[int], measured: dict[str, list[float]], found: dict[str, float]
) -> None:
    heads = ["1 image", *(f"{size:,}" for size in sizes)]
    print(f"| CPU s, minimum | {' | '.join(heads)} | exponent | prints or indexes each |")
    print(f"|---|{'---:|' * (len(heads) + 1)}---|")
    for row, seconds in measured.items():
        cells = " | ".join(f"{each:.2f}" for each in seconds)
        each = "yes" if row in PRINTS_EACH else ""
        print(f"| {row} | {cells} | {found[row]:.2f} | {each} |")


if __name__ == "__main__":
    main()
