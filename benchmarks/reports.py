"""Measure usage and reports of large caches: ``python -m benchmarks.reports [IMAGES [REPEAT]]``.

Two caches of IMAGES (10 000) images for two platforms: with 7.2 and with 20 blobs an image. For
each command, the least processor time and the peak memory of REPEAT (5) whole processes, in turn,
and its ratio to `du`; the bytes of the page as well.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import layouts
from benchmarks.timing import run

if TYPE_CHECKING:
    from benchmarks.timing import Run

CACHEDB = str(Path(sys.executable).with_name("cachedb"))


def main(images: int, repeat: int) -> None:
    """Write both caches, and measure them one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        layouts.make(root / "few", images)
        layouts.make_layered(root / "many", images)
        for name in ("few", "many"):
            measure(root / name, root / "report.html", repeat)


def measure(cache: Path, page: Path, repeat: int) -> None:
    """Print a table of the commands on a cache."""
    commands = {
        "du": ["du"],
        "report --format json": ["report", "--format", "json"],
        "report --html": ["report", "--html", str(page)],
    }
    subprocess.run([CACHEDB, "du", "--cache", cache], check=True, stdout=subprocess.DEVNULL)
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(repeat):
        for name, words in commands.items():
            runs[name].append(run([CACHEDB, *words, "--cache", str(cache)], {}))
    blobs = sum(1 for _ in (cache / "blobs" / "sha256").iterdir())
    print(f"\n{blobs} blobs, page of {page.stat().st_size / 1e6:.1f} MB\n")
    print("| command | CPU s | ratio to du | peak MiB |\n| --- | ---: | ---: | ---: |")
    base = min(each.cpu for each in runs["du"])
    for name, found in runs.items():
        least = min(each.cpu for each in found)
        peak = max(each.memory for each in found)
        print(f"| `{name}` | {least:.2f} | {least / base:.2f} | {peak:.0f} |")


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*(given + [10_000, 5][len(given) :]))
