"""Catalog in PostgreSQL beside one in SQLite, and names changed by several hosts, as Markdown.

    python -m benchmarks.hosts [--images 10000] [--repeat 3] [--hosts 8] [--names 20] [--json FILE]

One layout of 72 000 blobs is copied for each kind of catalog. Rows: adopt (the first opening),
`ls`, `find-root`, `show`, and `gc --dry-run`, each a process of its own, in turn: processor time
of the command and of the server together, minimum. Then processes with the catalog in the server
add names to a layout of as many images, one process alone and all at once: names a second, and
how long one name takes, median and longest. Targets: adopt and reads 2.0 of SQLite, the mark of a
collection 1.5, the throughput of all hosts 0.8 of one, no wait above 10 times the median. The
hosts are processes of this machine, which share its processors; each has opened the cache and
added a name before the clock runs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import layouts
from benchmarks.bulk import CACHEDB, NAME, SETTLED
from benchmarks.timing import run
from tests.postgresql import Server, serving

if TYPE_CHECKING:
    from collections.abc import Sequence

_READS = {
    "ls": ("ls", 2.0),
    "find-root": (f"find-root --quiet {NAME}", 2.0),
    "show": (f"show {NAME}", 2.0),
    "gc mark": ("gc --dry-run --grace 0 --quiet", 1.5),
}
_ADOPT = ("ls --quiet", 2.0)
_TICKS = os.sysconf("SC_CLK_TCK")
_HOST = """\
import json, sys, time
from cachedb import Cache
path, url, host, names = sys.argv[1:]
with Cache.open(path, catalog=url) as cache:
    cache.tag("{source}", f"example.com/host-{{host}}:first")
    print("ready", flush=True)
    sys.stdin.readline()
    waits, first, used = [], time.time(), time.process_time()
    for number in range(int(names)):
        began = time.perf_counter()
        cache.tag("{source}", f"example.com/host-{{host}}:{{number}}")
        waits.append(time.perf_counter() - began)
    used = time.process_time() - used
    print(json.dumps({{"first": first, "last": time.time(), "waits": waits, "cpu": used}}))
"""


class Compared(NamedTuple):
    """Seconds of processor time of a command on both catalogs; of the server, its own part."""

    sqlite: float
    postgresql: float
    server: float
    most: float
    """Ratio that is asked for."""

    @property
    def ratio(self) -> float:
        """Return how many times the time of SQLite it takes."""
        return self.postgresql / self.sqlite


class Changes(NamedTuple):
    """Names that processes added at the same time; seconds of one name."""

    hosts: int
    per_second: float
    cpu: float
    """Processor time of a name, of the hosts and of the server together."""
    median: float
    longest: float


class Clock:
    """Processor time of a server: of the processes that run, and of those that have ended."""

    def __init__(self, server: Server) -> None:
        self._parent = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])

    def seconds(self) -> float:
        """Return the time so far, once the sessions of ended commands are over."""
        own = self._fields(self._parent)
        ticks = sum(map(int, own[11:15]))  # with that of children that were waited for
        for entry in Path("/proc").glob("[0-9]*"):
            fields = self._fields(int(entry.name))
            if fields and int(fields[1]) == self._parent:
                ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS

    @staticmethod
    def _fields(pid: int) -> list[str]:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return []


class Scene:
    """A layout as another tool wrote it, a copy for each catalog, and the server."""

    def __init__(self, folder: Path, server: Server, images: int) -> None:
        self.server = server
        self._folder = folder
        self._clock = Clock(server)
        self._made = folder / "made"
        layouts.make(self._made, images)

    def fresh(self, name: str) -> Path:
        """Return a copy of the layout that no command has opened."""
        path = self._folder / name
        shutil.rmtree(path, ignore_errors=True)
        subprocess.run(["cp", "-a", self._made, path], check=True)
        time.sleep(SETTLED)
        return path

    def cpu(self, path: Path, words: str, url: str | None) -> tuple[float, float]:
        """Return the processor time of a command, and that of the server meanwhile."""
        place = [] if url is None else ["--catalog", url]
        before = self._clock.seconds()
        own = run([CACHEDB, *words.split(), "--cache", str(path), *place], {}).cpu
        time.sleep(0.2)  # the session of the command ends
        return own, self._clock.seconds() - before

    def compare_changes(self, path: Path, url: str, hosts: int, names: int) -> tuple[Changes, ...]:
        """Add as many names by one host, by several, and by one again.

        Each name makes index.json longer, so that one host is measured before and after.
        """
        turns = ((1, hosts * names), (hosts, names), (1, hosts * names))
        return tuple(self.change(path, url, *turn) for turn in turns)

    def change(self, path: Path, url: str, hosts: int, names: int) -> Changes:
        """Add names from several processes at once, which have each added one before."""
        program = [sys.executable, "-c", _HOST.format(source=NAME), str(path), url]
        running = [
            subprocess.Popen(
                [*program, f"{hosts}-{host}-{time.time_ns()}", str(names)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for host in range(hosts)
        ]
        for each in running:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        for each in running:
            assert each.stdin is not None
            each.stdin.write("\n")
            each.stdin.flush()
        before = self._clock.seconds()
        found = [json.loads(each.communicate()[0]) for each in running]
        served = self._clock.seconds() - before
        waits = [wait for each in found for wait in each["waits"]]
        seconds = max(each["last"] for each in found) - min(each["first"] for each in found)
        return Changes(
            hosts=hosts,
            per_second=len(waits) / seconds,
            cpu=(sum(each["cpu"] for each in found) + served) / len(waits),
            median=statistics.median(waits),
            longest=max(waits),
        )


def _adopted(scene: Scene, repeat: int) -> Compared:
    words, most = _ADOPT
    found: list[tuple[float, float, float]] = []
    for _ in range(repeat):
        plain, _ = scene.cpu(scene.fresh("sqlite"), words, None)
        own, served = scene.cpu(scene.fresh("server"), words, scene.server.fresh())
        found.append((plain, own + served, served))
    plain, both, served = (min(column) for column in zip(*found, strict=True))
    return Compared(plain, both, served, most)


def _read(
    scene: Scene, words: str, most: float, paths: tuple[Path, Path], repeat: int
) -> Compared:
    found: list[tuple[float, float, float]] = []
    for _ in range(repeat):
        plain, _ = scene.cpu(paths[0], words, None)
        own, served = scene.cpu(paths[1], words, scene.server.url())
        found.append((plain, own + served, served))
    plain, both, served = (min(column) for column in zip(*found, strict=True))
    return Compared(plain, both, served, most)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the rows and print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--hosts", type=int, default=8)
    parser.add_argument("--names", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    # A process that may not write .pyc files compiles every module at every start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder, serving() as server:
        scene = Scene(Path(folder), server, options.images)
        print(f"### {options.images} images, processor time in seconds\n")
        print("| row | SQLite | PostgreSQL | of it the server | ratio | asked |")
        print("|---|---:|---:|---:|---:|---:|", flush=True)
        compared = {"adopt": _adopted(scene, options.repeat)}
        _print_row("adopt", compared["adopt"])
        paths = scene.fresh("sqlite"), scene.fresh("server")
        scene.cpu(paths[0], "ls --quiet", None)
        scene.cpu(paths[1], "ls --quiet", server.url())
        for name, (words, most) in _READS.items():
            compared[name] = _read(scene, words, most, paths, options.repeat)
            _print_row(name, compared[name])
        changes = scene.compare_changes(paths[1], server.url(), options.hosts, options.names)
        _print_changes(*changes)
    if options.json:
        rows = {name: {**each._asdict(), "ratio": each.ratio} for name, each in compared.items()}
        found = {"images": options.images, "rows": rows, "hosts": [c._asdict() for c in changes]}
        options.json.write_text(json.dumps(found, indent=1))


def _print_changes(before: Changes, every: Changes, after: Changes) -> None:
    print("\n### Names added to it\n\n| hosts | names/s | CPU ms | median ms | longest ms |")
    print("|---:|---:|---:|---:|---:|")
    for each in (before, every, after):
        times = f"{1000 * each.median:.0f} | {1000 * each.longest:.0f}"
        print(f"| {each.hosts} | {each.per_second:.2f} | {1000 * each.cpu:.0f} | {times} |")
    throughput = 2 * every.per_second / (before.per_second + after.per_second)
    longest = every.longest / every.median
    print(f"\nthroughput {throughput:.2f} of one, longest wait {longest:.1f} times the median")


def _print_row(name: str, found: Compared) -> None:
    times = f"{found.sqlite:.2f} | {found.postgresql:.2f} | {found.server:.2f}"
    print(f"| {name} | {times} | {found.ratio:.2f} | {found.most} |", flush=True)


if __name__ == "__main__":
    main()
