"""System calls of a whole process with its threads, counted by strace."""

import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.programs import require


class Counted(NamedTuple):
    """The calls of a finished process by name, and what it has printed to stdout."""

    calls: Counter[str]
    printed: str


def count(command: Sequence[str | Path], *, only: str = "") -> Counter[str]:
    """Run a command to its end and count its calls, or only those of these names."""
    return run(command, only=only).calls


def run(command: Sequence[str | Path], *, only: str = "") -> Counted:
    """Run a command to its end; count its calls and keep its output."""
    require("strace")
    chosen = ["-e", f"trace={only}"] if only else []
    with tempfile.NamedTemporaryFile() as report:
        done = subprocess.run(
            ["strace", "-f", "-c", "-U", "calls,name", *chosen, "-o", report.name, *command],
            check=True,
            capture_output=True,
            text=True,
        )
        rows = (line.split() for line in Path(report.name).read_text().splitlines())
        calls = {row[1]: int(row[0]) for row in rows if len(row) == 2 and row[0].isdecimal()}
    return Counted(Counter(calls), done.stdout)
