"""Wall clock, CPU time and peak memory of whole processes, as the kernel accounts for them."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


BAR = r"\|"
"""A bar inside a cell of a table of Markdown."""


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process: wall clock and CPU in seconds, peak memory in MiB."""

    wall: float
    cpu: float
    memory: float


def run(command: Sequence[str], environment: dict[str, str]) -> Run:
    """Run one command to its end; its output is discarded."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: {complaint.decode(errors='replace')}")
    return Run(
        wall=time.perf_counter() - started,
        cpu=usage.ru_utime + usage.ru_stime,
        memory=usage.ru_maxrss / 1024,
    )


def compare(
    title: str,
    commands: dict[str, Sequence[str]],
    *,
    repeat: int = 5,
    prepare: Callable[[str], None] = lambda _: None,
) -> None:
    """Run commands alternately, A B A B …; print a table with the ratios to the first.

    `prepare` is called before every run with the name of the command. A command whose program is
    not installed is left out, and said to be.
    """
    there = {name: c for name, c in commands.items() if shutil.which(c[0])}
    runs: dict[str, list[Run]] = {name: [] for name in there}
    for _ in range(repeat):
        for name, command in there.items():
            prepare(name)
            runs[name].append(run(command, {}))
    print(markdown(title, runs))
    for name in commands.keys() - there.keys():
        print(f"\n{name}: not installed")


def markdown(title: str, runs: Mapping[str, Sequence[Run]]) -> str:
    """Return a table of the runs of some commands: medians, minima, ratios to the first one."""
    lines = [f"\n### {title}\n",
             "| command | wall s, median | minimum | ratio | CPU s, minimum | ratio | MiB |",
             "|---|---:|---:|---:|---:|---:|---:|"]  # fmt: skip
    found = summary(runs)
    base = next(iter(found.values()))
    for name, row in found.items():
        ratios = [row[key] / base[key] for key in ("wall_median", "cpu_minimum")]
        lines.append(
            f"| {name.replace('|', BAR)} | {row['wall_median']:.2f} "
            f"| {row['wall_minimum']:.2f} | {ratios[0]:.2f} "
            f"| {row['cpu_minimum']:.2f} | {ratios[1]:.2f} | {row['memory']:.0f} |"
        )
    return "\n".join(lines)


def summary(runs: Mapping[str, Sequence[Run]]) -> dict[str, dict[str, float]]:
    """Return the figures of the runs of some commands: seconds, and the peak memory in MiB."""
    return {
        name: {
            "wall_median": statistics.median(one.wall for one in found),
            "wall_minimum": min(one.wall for one in found),
            "cpu_median": statistics.median(one.cpu for one in found),
            "cpu_minimum": min(one.cpu for one in found),
            "memory": max(one.memory for one in found),
        }
        for name, found in runs.items()
    }
