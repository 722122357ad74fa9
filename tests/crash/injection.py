"""Fault injection at system calls: one traced run, then one run per call that fails.

strace counts the calls of each name from the moment it attaches to a process, so a point is a
name and a number. The process is a child of a fork server and waits until strace is attached.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from tests.programs import require

ROOT = Path(__file__).resolve().parents[2]
_CHANGING = (
    "openat", "write", "pwrite64", "rename", "renameat", "renameat2", "link", "linkat", "unlink",
    "unlinkat", "mkdir", "mkdirat", "rmdir", "fsync", "fdatasync", "ftruncate", "fallocate",
    "fchmod", "fchmodat", "fchown", "symlinkat",
)  # fmt: skip
_LINE = re.compile(r"(?:\d+ +)?([a-z0-9_]+)\((.*)")
_LONGEST_SECONDS = 120
KILL, ENOSPC, EIO = "signal=SIGKILL", "error=ENOSPC", "error=EIO"


@dataclass(frozen=True)
class Point:
    """The `number`-th call of a system call, counted from 1."""

    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.call}#{self.number}"


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, or None if it was killed."""

    code: int | None
    output: str


class ForkServer:
    """Runs command lines in processes that need no start."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in: IO[str] = process.stdin
        self._out: IO[str] = process.stdout
        self._output = folder / "output"

    def settle(self, cache: Path) -> None:
        """Bring the catalog of a cache in step, as it is before most commands."""
        ended = self._finish("settle", cache)
        assert ended.code == 0, ended.output

    def run(self, cache: Path, *arguments: str, mutant: str | None = None) -> Ended:
        """Run a command line as it is."""
        return self._finish("run", cache, arguments, mutant)

    def traced(
        self, strace: list[str], cache: Path, *arguments: str, mutant: str | None = None
    ) -> Ended:
        """Run a command line under strace with some options."""
        pid = self._start("wait and run", cache, arguments, mutant)
        with _attached(strace, pid):
            os.kill(pid, signal.SIGCONT)
            return self._ended()

    def examine(self, cache: Path, *arguments: str) -> list[str]:
        """Ask cachedb what is wrong with a cache, and whether it needs help."""
        ended = self._finish("examine", cache, arguments)
        last = ended.output.strip().rpartition("\n")[2]
        if ended.code != 0 or not last.startswith("["):
            return [f"I8: {ended.code}: {ended.output[-2000:]}"]
        found: list[str] = json.loads(last)
        return [*found, ended.output[-2000:]] if found else []

    def _finish(self, do: str, cache: Path, *rest: Any) -> Ended:
        self._start(do, cache, *rest)
        return self._ended()

    def _start(
        self, do: str, cache: Path, arguments: Sequence[str] = (), mutant: str | None = None
    ) -> int:
        request = {
            "do": do,
            "cache": str(cache),
            "arguments": list(arguments),
            "mutant": mutant,
            "output": str(self._output),
        }
        self._in.write(json.dumps(request) + "\n")
        self._in.flush()
        return int(self._out.readline())

    def _ended(self) -> Ended:
        status = int(self._out.readline())
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        return Ended(code, self._output.read_text(errors="replace"))


@contextmanager
def fork_server(folder: Path) -> Iterator[ForkServer]:
    """Run a fork server that keeps its output in a folder."""
    require("strace")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.crash.forkserver"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield ForkServer(process, folder)
        finally:
            process.kill()


@contextmanager
def _attached(options: list[str], pid: int) -> Iterator[None]:
    """Attach strace to a process that has stopped, and wait for strace to end after it."""
    with subprocess.Popen(
        ["strace", "-f", *options, "-p", str(pid)], stderr=subprocess.PIPE, text=True
    ) as strace:
        assert strace.stderr is not None
        said = strace.stderr.readline()
        if "attached" not in said:
            os.kill(pid, signal.SIGKILL)
            os.kill(pid, signal.SIGCONT)
            if "not permitted" in said:
                pytest.skip(f"this machine does not let us trace: {said.strip()}")
            raise AssertionError(said)
        try:
            yield
            strace.wait(_LONGEST_SECONDS)
        finally:
            strace.kill()


def points(
    server: ForkServer, cache: Path, *arguments: str, trace: Path, mutant: str | None = None
) -> list[Point]:
    """Run a command once, and return the calls by which it changes something in the cache."""
    options = ["-y", "-o", str(trace), "-e", f"trace={','.join(_CHANGING)}"]
    ended = server.traced(options, cache, *arguments, mutant=mutant)
    assert ended.code == 0, ended.output
    counts: Counter[str] = Counter()
    found = []
    for line in trace.read_text(errors="replace").splitlines():
        matched = _LINE.match(line)
        if matched is None:
            continue
        call, rest = matched.groups()
        counts[call] += 1
        is_reading = call == "openat" and "O_CREAT" not in rest and "O_TRUNC" not in rest
        if str(cache) in rest and not is_reading:
            found.append(Point(call, counts[call]))
    return found


def inject(
    server: ForkServer,
    point: Point,
    fault: str,
    cache: Path,
    *arguments: str,
    mutant: str | None = None,
) -> Ended:
    """Run a command that meets a fault at one point."""
    what = f"inject={point.call}:{fault}:when={point.number}"
    options = ["-o", os.devnull, "-e", f"trace={point.call}", "-e", what]
    return server.traced(options, cache, *arguments, mutant=mutant)
