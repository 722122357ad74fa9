"""Measure usage, reports and prune of large caches against their targets, as a Markdown table.

    python -m benchmarks.reports [--images 10000] [--repeat 5] [--before PROGRAM] [--folder DIR]

Two caches of so many names: with 7.2 and with 20 blobs an image, 72 000 and 200 000 in all. A
figure is the ratio of the least processor time of repeated runs of whole processes, all commands
in turn; memory is the highest peak of one. `--before` is the program of an older build, for the
row that compares with it; it has a copy of the cache, whose blobs are hard links. Recording a use
is measured in the process, beside a pull that finds everything in place from docker-registry.
A figure that misses its target is bold. `--folder` keeps the caches.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import layouts
from benchmarks.timing import Run, run
from cachedb.cache import Cache
from cachedb.operations.sync import history
from tests.registry.servers import docker_registry

CACHEDB = str(Path(sys.executable).with_name("cachedb"))
MEGABYTE = 1_000_000
_SPAWN = multiprocessing.get_context("spawn")
_DU, _DU_BEFORE, _GC = "du", "du before", "gc --dry-run"
_PRUNE, _JSON, _HTML = "prune --max-size", "report --format json", "report --html"
_OTHERS = ("report", "report --format csv", "report --format markdown")

Runs = Mapping[str, list[Run]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of the table: a number with its unit, and the most that it may be."""

    name: str
    value: float
    most: float
    unit: str

    def __str__(self) -> str:
        text = f"{self.value:.3g}{self.unit}"
        return f"**{text}**" if self.value > self.most else text


def main(arguments: argparse.Namespace) -> None:
    """Write both caches, measure each, and print the table."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(arguments.folder or temporary)
        columns = {}
        for name, make in (("few", layouts.make), ("many", layouts.make_layered)):
            cache = root / f"{name}-{arguments.images}"
            if not cache.exists():
                # A child begins with the peak of its parent, which therefore stays small.
                writer = _SPAWN.Process(target=make, args=(cache, arguments.images))
                writer.start()
                writer.join()
            blobs = sum(1 for _ in (cache / "blobs" / "sha256").iterdir())
            figures = _figures(cache, arguments.before, arguments.repeat)
            columns[f"{blobs} blobs"] = {each.name: each for each in figures}
        recording = {each.name: each for each in _recording(Path(temporary), arguments.repeat)}
        _print(columns, recording)


def _figures(cache: Path, before: str | None, repeat: int) -> list[Figure]:
    half = sum(each.stat().st_size for each in (cache / "blobs" / "sha256").iterdir()) // 2
    page = cache.with_name("report.html")
    commands = {
        _DU: ["du"],
        _GC: ["gc", "--dry-run", "--grace", "0"],
        _PRUNE: ["prune", "--dry-run", "--max-size", str(half)],
        _JSON: ["report", "--format", "json"],
        _HTML: ["report", "--html", str(page)],
        **{name: name.split() for name in _OTHERS},
    }
    whole = {name: [CACHEDB, *words, "--cache", str(cache)] for name, words in commands.items()}
    if before is not None:
        whole[_DU_BEFORE] = [before, "du", "--cache", str(_copy(cache))]
    runs: dict[str, list[Run]] = {name: [] for name in whole}
    for number in range(repeat + 1):  # the first run opens the cache and fills the plan cache
        for name, command in whole.items():
            done = run(command, {})
            if number:
                runs[name].append(done)
    return [*_ratios(runs), *_sizes(runs, page)]


def _copy(cache: Path) -> Path:
    """Copy a cache without its private folder, which an older build cannot read."""
    copy = cache.with_name(f"{cache.name}-before")
    if not copy.exists():
        ignore = shutil.ignore_patterns(".cachedb")
        shutil.copytree(cache, copy, ignore=ignore, copy_function=os.link)
        index = copy / "index.json"
        index.unlink()  # no link: a build may write it
        shutil.copy(cache / "index.json", index)
    return copy


def _ratios(runs: Runs) -> list[Figure]:
    def cpu(name: str) -> float:
        return min(each.cpu for each in runs[name])

    found = []
    if _DU_BEFORE in runs:
        name = "usage of all names, `du`, to `du` before"
        found.append(Figure(name, cpu(_DU) / cpu(_DU_BEFORE), 0.5, "x"))
    found += [
        Figure("plan of `prune` with a size limit, to `gc --dry-run`", cpu(_PRUNE) / cpu(_GC),
               3, "x"),
        Figure("`report --format json`, to `du`", cpu(_JSON) / cpu(_DU), 3, "x"),
        Figure("`report --html`, to `report --format json`", cpu(_HTML) / cpu(_JSON), 1.3, "x"),
    ]  # fmt: skip
    return found


def _sizes(runs: Runs, page: Path) -> list[Figure]:
    found = [Figure("page of `report --html`", page.stat().st_size / MEGABYTE, 6, " MB")]
    for name in (_DU, _PRUNE, _JSON, _HTML, *_OTHERS):
        peak = max(each.memory for each in runs[name]) * 2**20 / MEGABYTE
        found.append(Figure(f"peak memory of `{name}`", peak, 150, " MB"))
    return found


def _recording(folder: Path, repeat: int) -> list[Figure]:
    """Measure what recording a use takes, alone and as a share of a pull of what is there."""
    if shutil.which("docker-registry") is None:
        return []
    layouts.make(folder / "image", 1)
    with docker_registry(folder / "registry") as served:
        name = f"{served.host}/app:1"
        with Cache.open(folder / "image") as cache:
            cache.push("docker.io/bench/app-00000:v1", remote_name=name)
        pulled = folder / "pulled"
        command = [CACHEDB, "pull", name, "--quiet", "--cache", str(pulled)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        pull = min(run(command, {}).cpu for _ in range(repeat))
    with Cache.open(pulled) as cache:
        times = []
        for _ in range(1000):
            before = time.process_time()
            history.record(cache.layout, cache.catalog, history.USE, names=[name])
            times.append(time.process_time() - before)
    return [
        Figure("recording a use", min(times) * 1000, 1, " ms"),
        Figure("recording a use, to a pull of what is there", min(times) / pull * 100, 2, " %"),
    ]


def _print(columns: Mapping[str, Mapping[str, Figure]], recording: Mapping[str, Figure]) -> None:
    print(f"| | {' | '.join(columns)} | target |")
    print(f"| --- |{' ---: |' * len(columns)} ---: |")
    first = next(iter(columns.values()))
    for name, figure in first.items():
        cells = " | ".join(str(column[name]) for column in columns.values())
        print(f"| {name} | {cells} | ≤ {figure.most:g}{figure.unit} |")
    for name, figure in recording.items():
        cells = " | ".join([str(figure)] * len(columns))
        print(f"| {name} | {cells} | ≤ {figure.most:g}{figure.unit} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reports")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--before", help="program of an older build, for its `du`")
    parser.add_argument("--folder", help="directory of the caches, which stay")
    main(parser.parse_args())
