"""Child process that performs one step and reports it: events instead of sleeps."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

_HOLD = """
import sys
{setup}
sys.stdout.write("held\\n"); sys.stdout.flush()
sys.stdin.readline()
{finish}
"""


class Child:
    """A process that holds something until it is told to let go, or is killed."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stdin is not None
        self._stdin: IO[str] = process.stdin

    @property
    def pid(self) -> int:
        return self.process.pid

    def let_go(self) -> None:
        self._stdin.write("\n")
        self._stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def holding(setup: str, *, finish: str = "") -> Iterator[Child]:
    """Run `setup`, which takes something, in a process of its own; wait until it has it."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD.format(setup=setup, finish=finish)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield Child(process)
        finally:
            process.kill()


def run(script: str) -> str:
    """Run a script in a process of its own; returns what it prints."""
    return subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()


def start(script: str) -> "subprocess.Popen[str]":
    """Start a script in a process of its own; the caller waits for it."""
    return subprocess.Popen([sys.executable, "-c", script], text=True)
