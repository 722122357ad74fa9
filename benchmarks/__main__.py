"""All benchmarks in one run, as one page of Markdown and one JSON document.

    python -m benchmarks small|full [--into DIR] [--only NAME …]

`small` takes minutes, and shows every row of every table; `full` has the sizes of
docs/explanation/performance.md, and takes hours. Each benchmark is a process of its own. DIR
receives `NAME.md`, which is also printed, and `NAME.json` with the same tables: for each its
title and its rows, by column. A benchmark that fails, or whose server is not installed, is named
at the end; the exit code is 1 if one has failed.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.timing import BAR
from tests.postgresql import program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SEPARATOR = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"\|(?: *:?-+:? *\|)+")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A module of this package, with the arguments of both sizes."""

    name: str
    small: str
    full: str
    needs_postgresql: bool = False
    """Whether it is left out where PostgreSQL is not installed."""


BENCHMARKS = (
    Benchmark("startup", "--repeat 3", "--repeat 15"),
    Benchmark("bulk", "--images 300 --repeat 2", "--images 10000 --repeat 5"),
    Benchmark("growth", "--images 100 400 --repeat 1", "--images 1000 10000 50000"),
    Benchmark("registry", "--layers 2 --size 16 --repeat 2", "--layers 10 --size 100"),
    Benchmark("rootfs", "--megabytes 40 --repeat 2", "--megabytes 1000"),
    Benchmark(
        "files",
        "index toc diff cat size --megabytes 30 --images 100 --repeat 1",
        "index toc diff cat size --megabytes 1000 --images 1000",
    ),
    Benchmark("reports", "--images 200 --repeat 1", "--images 10000"),
    Benchmark("query_latency", "100", "10000"),
    Benchmark("reconcile", "--images 200", "--images 10000"),
    Benchmark(
        "hosts", "--images 200 --repeat 1 --hosts 2 --names 3", "--images 10000",
        needs_postgresql=True,
    ),
    Benchmark(
        "fleet", "--caches 4 --names 25 --repeat 3", "--caches 50 --names 1000",
        needs_postgresql=True,
    ),
)  # fmt: skip


def tables(text: str) -> Iterator[dict[str, object]]:
    """Yield the tables of a Markdown text: the heading or line above each, and its rows."""
    title, head, is_inside = "", "", False
    for line, after in pairwise([*text.splitlines(), ""]):
        if _RULE.fullmatch(after):
            head, is_inside = line, True
            rows: list[dict[str, str]] = []
        elif is_inside and not line.startswith("|"):
            yield {"title": title, "rows": rows}
            is_inside = False
        elif is_inside and not _RULE.fullmatch(line):
            rows.append(dict(zip(_cells(head), _cells(line), strict=True)))
        if not is_inside and line.strip():
            title = line.strip("# ")
    if is_inside:
        yield {"title": title, "rows": rows}


def _cells(line: str) -> list[str]:
    cells = _SEPARATOR.split(line.strip())[1:-1]
    return [each.strip().replace(BAR, "|") for each in cells]


def run(one: Benchmark, arguments: str, into: Path) -> bool:
    """Run a benchmark, write what it prints, and return whether it succeeded."""
    began = time.perf_counter()
    command = [sys.executable, "-m", f"benchmarks.{one.name}", *arguments.split()]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - began
    heading = (
        f"## {one.name}\n\n`python -m benchmarks.{one.name} {arguments}`, {seconds:.0f} s\n\n"
    )
    page = heading + done.stdout
    print(page, flush=True)
    (into / f"{one.name}.md").write_text(page)
    document = {"arguments": arguments, "seconds": seconds, "tables": list(tables(done.stdout))}
    (into / f"{one.name}.json").write_text(json.dumps(document, indent=1))
    return done.returncode == 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks of one size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("size", choices=("small", "full"))
    parser.add_argument("--into", type=Path, default=Path("benchmark-results"))
    parser.add_argument("--only", nargs="+", default=[each.name for each in BENCHMARKS])
    options = parser.parse_args(arguments)
    options.into.mkdir(parents=True, exist_ok=True)
    failed, absent = [], []
    for one in BENCHMARKS:
        if one.name not in options.only:
            continue
        if one.needs_postgresql and shutil.which(program("initdb")) is None:
            absent.append(one.name)
        elif not run(one, getattr(one, options.size), options.into):
            failed.append(one.name)
    if absent:
        print(f"left out, since PostgreSQL is not installed: {', '.join(absent)}")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
