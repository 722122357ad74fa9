"""Waits for locks that other processes hold: which process it is, and a notice of the wait."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from cachedb.limits import LOCK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOTICE_SECONDS = 2.0
"""Time after which a wait is logged, once."""
UNKNOWN = "another process"
"""A holder that /proc does not show."""
_LONGEST_PAUSE = 0.01
_OLD_SECONDS = 1.0
"""Time after which a wait tries more often than those that have just begun, which would win."""
_PAUSE_OF_OLD = 0.002
_PAUSE_IN_QUEUE = 0.05
"""Time after which a wait in a queue tries itself: a file server may forget whom to wake."""


class Wait:
    """A wait for a lock: pauses between attempts, and a notice if it takes long.

    `find` returns what is waited for and the process that holds it, or None if it is this process,
    whose threads wait for each other without a notice. It is called once, because it reads all of
    /proc.
    """

    def __init__(self, find: Callable[[], tuple[str, str] | None], seconds: float | None) -> None:
        now = time.monotonic()
        self._old_at = now + _OLD_SECONDS
        self._find = find
        self._give_up = None if seconds is None else now + seconds
        self._notice_at: float | None = now + NOTICE_SECONDS
        self._pause = 0.001

    def goes_on(self, queue: Callable[[float], object] | None = None) -> bool:
        """Sleep for up to 0.05 s, after which the lock may be free; False if the time is over.

        `queue` sleeps for up to some seconds, and ends earlier when the lock is granted.
        """
        now = time.monotonic()
        if self._give_up is not None and now >= self._give_up:
            return False
        if self._notice_at is not None and now >= self._notice_at:
            self._notice_at = None
            found = self._find()
            if found is not None:
                log(*found, None if self._give_up is None else self._give_up - now)
        if queue is not None:
            queue(_PAUSE_IN_QUEUE)
            return True
        time.sleep(self._pause)
        is_old = now >= self._old_at
        self._pause = _PAUSE_OF_OLD if is_old else min(2 * self._pause, _LONGEST_PAUSE)
        return True


def log(what: str, holder: str, seconds: float | None) -> None:
    """Log a warning, which Python prints to stderr unless the program configures logging."""
    import logging  # noqa: PLC0415  (rarely needed, and it delays the start of every command)

    rest = "" if seconds is None else f", for {seconds:.0f} s more ({LOCK_SECONDS.variable})"
    logging.getLogger(__name__).warning(
        "cachedb: waiting for %s, held by %s%s", what, holder, rest
    )


def holder_of(file: os.stat_result) -> str | None:
    """Name a process that holds a lock on a file, as far as /proc shows it.

    One that has locked it exclusively comes first. None if only this process is found.
    """
    wanted = key_of(file)
    found = [(not alone, pid) for pid, key, alone in locks_of_processes() if key == wanted]
    others = sorted(each for each in found if each[1] != os.getpid())
    if others:
        pid = others[0][1]
        return f"process {pid} ({program_of(pid)})"
    return None if found else UNKNOWN


def key_of(file: os.stat_result) -> str:
    """Return ``major:minor:inode`` of a file, as /proc writes them."""
    return f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"


def locks_of_processes() -> Iterator[tuple[int, str, bool]]:
    """Yield process, file (as `key_of`) and exclusiveness of every lock in /proc.

    The kernel hides the locks of processes of other users.
    """
    for pid in _numbers_in("/proc"):
        for descriptor in _numbers_in(f"/proc/{pid}/fdinfo"):
            for line in _lines_of(f"/proc/{pid}/fdinfo/{descriptor}"):
                fields = line.split()
                # lock: 1: OFDLCK ADVISORY WRITE -1 fe:00:1234 0 EOF
                if fields[:1] == ["lock:"]:
                    yield pid, fields[-3], "WRITE" in fields


def program_of(pid: int) -> str:
    """Return the name of the program of a process; ``?`` if it has ended or is hidden."""
    return next(iter(_lines_of(f"/proc/{pid}/comm")), "?").strip()


def _lines_of(path: str) -> list[str]:
    with suppress(OSError), open(path, errors="replace") as file:  # closed, or of another user
        return file.readlines()
    return []


def _numbers_in(folder: str) -> list[int]:
    with suppress(OSError):
        return sorted(int(name) for name in os.listdir(folder) if name.isdecimal())
    return []
