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


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process: wall clock and CPU in seconds, peak memory in MiB."""

    wall: float
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Timing:
    """Several runs of one command."""

    name: str
    runs: tuple[Run, ...]

    def median(self, figure: str) -> float:
        """Return the median of wall, cpu or memory."""
        return statistics.median(getattr(run, figure) for run in self.runs)


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
    """Run commands alternately, A B A B …; print their medians and the ratios to the first.

    `prepare` is called before every run with the name of the command. A command whose program is
    not installed is left out, and said to be.
    """
    there = {name: c for name, c in commands.items() if shutil.which(c[0])}
    runs: dict[str, list[Run]] = {name: [] for name in there}
    for _ in range(repeat):
        for name, command in there.items():
            prepare(name)
            runs[name].append(run(command, {}))
    show(title, runs)
    for name in commands.keys() - there.keys():
        print(f"  {name:24} not installed")


def show(title: str, runs: Mapping[str, Sequence[Run]]) -> None:
    """Print the medians of the runs of some commands, and the ratios to the first one."""
    timings = [Timing(name, tuple(found)) for name, found in runs.items()]
    print(f"\n{title}  (medians of {len(timings[0].runs)}, in turn)")
    print(f"  {'':24} {'wall s':>8} {'cpu s':>8} {'MiB':>7} {'wall ratio':>11} {'cpu ratio':>10}")
    base = timings[0]
    for timing in timings:
        wall, cpu, memory = (timing.median(figure) for figure in ("wall", "cpu", "memory"))
        ratios = [f"{timing.median(f) / base.median(f):.2f}x" for f in ("wall", "cpu")]
        print(
            f"  {timing.name:24} {wall:8.3f} {cpu:8.3f} {memory:7.0f} "
            f"{ratios[0]:>11} {ratios[1]:>10}"
        )


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
            f"| {name} | {row['wall_median']:.2f} | {row['wall_minimum']:.2f} | {ratios[0]:.2f} "
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
