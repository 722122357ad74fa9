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
    from collections.abc import Callable, Iterator
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
_SLICE: Final = 32_000_000
# macOS has no call that leaves out the times of a file.
_sync_data = getattr(os, "fdatasync", os.fsync)
# The shell ends at once; a process in its background reads until the other end is closed.
_WAIT: Final = "exec 3<&0; read -r line <&3 &"
_turns: dict[tuple[int, int], LockType] = {}
_turns_lock = allocate_lock()


def sync(descriptor: int) -> None:
    """Write a file or a directory to the medium; fsync of macOS leaves the cache of the disk."""
    if _FULL_SYNC is not None:
        with suppress(OSError):  # a file system that has no such operation
            fcntl.fcntl(descriptor, _FULL_SYNC)
            return
    os.fsync(descriptor)


class SlicedSync:
    """Sync a file that grows after every 32 MB, so that its last sync has little left to write.

    A call that writes 1 GB to the medium takes a second or more, and no signal ends it.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unsynced = 0

    def wrote(self, count: int) -> None:
        """Count bytes that were appended, and sync the file after enough of them.

        Raises:
            OSError: They cannot be written to the medium.
        """
        self._unsynced += count
        if self._unsynced >= _SLICE:
            self._unsynced = 0
            _sync_data(self._descriptor)


def free_behind(descriptor: int) -> None:
    """Let another process free a removed file; the descriptor becomes one of /dev/null.

    The last process that closes a removed file of 1 GB waits until the kernel has freed its pages
    and blocks, up to a second, also when it exits. Where no shell can be started, this process
    frees the file.
    """
    end, begin = os.pipe()
    actions = [
        (os.POSIX_SPAWN_DUP2, end, 0), (os.POSIX_SPAWN_DUP2, descriptor, 1),
        (os.POSIX_SPAWN_CLOSE, 2),
    ]  # fmt: skip
    with suppress(OSError):
        child = os.posix_spawn("/bin/sh", ["sh", "-c", _WAIT], {}, file_actions=actions)
        os.waitpid(child, 0)
    os.close(end)
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    os.dup2(null, descriptor, inheritable=False)
    os.close(null)
    os.close(begin)


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


def queue_for_record_lock(descriptor: int) -> Callable[[float], object] | None:
    """Ask the kernel for the write lock on a whole file; return a wait for it.

    The kernel grants the lock in the order of asking, at the moment when it is released. The wait
    ends then, or after the seconds that it is called with; afterwards `try_record_lock` on the
    same descriptor tells whether the lock is held. A thread asks, since no call with a time limit
    does: a caller that gives up closes its descriptor, and the thread ends when its turn comes.
    None where locks belong to processes: the end of a second descriptor would release them.
    """
    if not HAS_OFD_LOCKS:
        return None
    import struct  # noqa: PLC0415  (few processes wait)
    from threading import Event, Thread  # noqa: PLC0415

    request = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    own = os.dup(descriptor)  # of the same open file, and so of the same lock
    is_granted = Event()

    def ask() -> None:
        try:
            fcntl.fcntl(own, fcntl.F_OFD_SETLKW, request)
        except OSError:  # `try_record_lock` raises it where it is read
            os.close(own)
        else:
            os.close(own)
            is_granted.set()

    Thread(target=ask, name="lock", daemon=True).start()
    return is_granted.wait


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
