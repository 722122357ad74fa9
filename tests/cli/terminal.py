"""A terminal in tmux, in which a test types commands and reads the screen."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.programs import require

_MOST_LOOKS = 3000
_PATIENCE = 120
# Times and ports of a run, by others of the same width.
_CHANGING = (
    (re.compile(r"127\.0\.0\.1:\d{5}"), "127.0.0.1:PORT#"),
    (re.compile(r"127\.0\.0\.1:\d+…"), "127.0.0.1:PO…"),
    (re.compile(r"…:\d{5}/"), "…:PORT#/"),
    (re.compile(r"20(?:2[6-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "YYYY-MM-DDThh:mm:ssZ"),
    (re.compile(r"20\d\d-\d…\d\d:\d\dZ"), "YYYY-M…mm:ssZ"),
)


class Terminal:
    """A terminal of some width, with a shell in a folder."""

    def __init__(self, tmux: list[str], width: int) -> None:
        self._tmux = tmux
        self.width = width
        self._number = 0

    def show(self, command: str) -> str:
        """Run a command; return what the screen shows when it has ended, without empty lines."""
        self.type(command)
        self.wait("ended")
        return self._until_end(command)

    def type(self, command: str, *events: str) -> None:
        """Type a command, at whose end `wait` returns from ``ended`` and from other events."""
        self._number += 1
        told = "; ".join(map(self.telling, ("ended", *events)))
        ended = f"printf '\\nen%s\\n' ded-{self._number}; {told}"
        self._run("send-keys", "-t", "s", f"clear; {command}; {ended}", "Enter")

    def telling(self, event: str) -> str:
        """Return the command of the shell that ends `wait`."""
        return shlex.join([*self._tmux, "wait-for", "-S", event])

    def wait(self, event: str) -> None:
        """Wait for what a program in the terminal tells."""
        try:
            subprocess.run([*self._tmux, "wait-for", event], check=True, timeout=_PATIENCE)
        except subprocess.TimeoutExpired as error:
            shown = self._run("capture-pane", "-p", "-t", "s")
            raise AssertionError(f"not {event} after {_PATIENCE} s:\n{shown.rstrip()}") from error

    def interrupt(self, command: str) -> str:
        """Press Ctrl-C; return what the screen shows when the command has ended."""
        self._run("send-keys", "-t", "s", "C-c")
        self.wait("ended")
        return self._until_end(command)

    def captured(self, command: str) -> str:
        """Return what the screen shows now, without empty lines and the command as typed."""
        lines = [line.rstrip() for line in self._run("capture-pane", "-p", "-t", "s").splitlines()]
        typed = f"clear; {command}"[:30]
        return _steady("\n".join(line for line in lines if line and typed not in line))

    def _until_end(self, command: str) -> str:
        for _ in range(_MOST_LOOKS):  # the terminal may still be drawing the last lines
            lines = self.captured(command).splitlines()
            if f"ended-{self._number}" in lines:
                return "\n".join(lines[: lines.index(f"ended-{self._number}")])
        raise AssertionError(f"the screen does not show the end of {command!r}")

    def _run(self, *words: str) -> str:
        return subprocess.run(
            [*self._tmux, *words], check=True, capture_output=True, text=True
        ).stdout


def _steady(text: str) -> str:
    for pattern, replacement in _CHANGING:
        text = pattern.sub(replacement, text)
    return text


@contextmanager
def terminal(folder: Path, socket: Path, width: int, **environment: str) -> Iterator[Terminal]:
    """Run a shell in a terminal; `environment` is added to that of the test."""
    require("tmux")
    tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CACHEDB_")}
    kept.pop("COLUMNS", None)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(
        [*tmux, "new-session", "-d", "-s", "s", "-x", str(width), "-y", "100", "sh"],
        cwd=folder, env={**kept, "PATH": path, "PS1": "$ ", "TERM": "xterm", **environment},
        check=True,
    )  # fmt: skip
    try:
        yield Terminal(tmux, width)
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)
