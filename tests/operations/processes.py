"""cachedb in child processes that a test observes, interrupts and awaits."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_PATIENCE = 60


@contextmanager
def running(
    cache: Path, *arguments: str, program: Sequence[str] = ("-m", "cachedb"), **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """Start cachedb on a cache; it is killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, *program, *arguments],
        env={**os.environ, "CACHEDB_CACHE": str(cache), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background may have it ignored, which is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for the end; returns exit code, stdout and stderr."""
    out, err = process.communicate(timeout=_PATIENCE)
    return process.returncode, out, err


def interrupt(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C."""
    process.send_signal(signal.SIGINT)
