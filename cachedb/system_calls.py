"""System calls of Linux that macOS lacks, or has under another name.

The module detects missing calls when it is imported, and uses those of POSIX instead.
A record lock of POSIX belongs to the process: it does not exclude other threads, and the end of
any descriptor of the file releases it. `taking_turns` therefore lets one thread at a time open the
file.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import sys
from _thread import LockType, allocate_lock
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

# Python on macOS has names of both, too: for a request of another layout, and for leases without
# F_SETSIG.
HAS_OFD_LOCKS: Final = sys.platform == "linux" and hasattr(fcntl, "F_OFD_SETLK")
"""Whether the kernel has locks that belong to an open file description, as Linux has them."""
HAS_LEASES: Final = sys.platform == "linux" and hasattr(fcntl, "F_SETLEASE")
"""Whether the kernel can report that another process has a file open."""

# struct flock of Linux: type, whence, start, length (0: the whole file), pid, padding.
_FLOCK = "hhqqi0q"
_FULL_SYNC: Final[int | None] = getattr(fcntl, "F_FULLFSYNC", None)
_BUSY = frozenset({errno.EAGAIN, errno.EACCES})
_turns: dict[tuple[int, int], LockType] = {}
_turns_lock = allocate_lock()


def sync(descriptor: int) -> None:
    """Write a file or a directory to the medium; fsync of macOS leaves the cache of the disk."""
    if _FULL_SYNC is not None:
        with suppress(OSError):  # a file system that has no such operation
            fcntl.fcntl(descriptor, _FULL_SYNC)
            return
    os.fsync(descriptor)


def allocate(descriptor: int, size: int) -> None:
    """Allocate the bytes of a file, so that writing them needs no free space.

    Raises:
        OSError: There is no room.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.pwrite(descriptor, bytes(size), 0)


def is_open_elsewhere(descriptor: int) -> bool:
    """Return whether another process has a file open; needs `HAS_LEASES`.

    The kernel grants a write lease only on a file that no other process has open.
    """
    try:
        # A process that opens the file while the lease is held makes the kernel send a signal:
        # SIGURG, which is ignored, and not SIGIO, which ends this process.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError:
        return True
    return False


def try_record_lock(descriptor: int) -> bool:
    """Take the write lock on a whole file that linuxkit takes too; return False if it is held."""
    try:
        if HAS_OFD_LOCKS:
            import struct  # noqa: PLC0415  (commands that only read lock nothing)

            request = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, request)
        else:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _BUSY:
            raise
        return False
    return True


def record_lock_owner(descriptor: int) -> int | None:
    """Return the process that holds a POSIX lock on a file, as far as the kernel shows it."""
    if not HAS_OFD_LOCKS:
        return None
    import struct  # noqa: PLC0415

    request = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, request)
    pid: int = struct.unpack(_FLOCK, answer)[4]
    return pid if pid > 0 else None


def taking_turns(directory: int, seconds: float) -> AbstractContextManager[bool]:
    """Exclude other threads from the record lock of a directory, where it is of the process.

    Yields whether the lock was acquired within the time. Where locks belong to open files, no
    thread is excluded.
    """
    return nullcontext(enter_result=True) if HAS_OFD_LOCKS else _turn(directory, seconds)


@contextmanager
def _turn(directory: int, seconds: float) -> Iterator[bool]:
    found = os.fstat(directory)
    with _turns_lock:
        turn = _turns.setdefault((found.st_dev, found.st_ino), allocate_lock())
    has_turn = turn.acquire(timeout=seconds)
    try:
        yield has_turn
    finally:
        if has_turn:
            turn.release()
