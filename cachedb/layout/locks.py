"""Locks between processes, in the order in which they may be taken.

1. `gc.lock` in our own folder (flock): shared by whoever publishes blobs, exclusive for the sweep,
   for migrations and for a rebuild.
2. `.lock` in the root, which linuxkit takes as well, around every change of index.json. linuxkit
   uses a POSIX write lock on the whole file; ours is an open-file-description lock, which
   conflicts with it, holds between threads and does not vanish when another descriptor of the
   file is closed. flock would not be seen by linuxkit.
3. The write transaction of the catalog.

Never the other way, and `.lock` is never held during network traffic.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cachedb.errors import CacheBusy
from cachedb.layout.directories import closing, storing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_SECONDS = 60.0
_LONGEST_PAUSE = 0.1
_OPEN = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# struct flock: type, whence, start, length (0: the whole file), pid; then the end padding.
_FLOCK = "hhqqi0q"
_BUSY = frozenset({errno.EAGAIN, errno.EACCES})


@contextmanager
def names(root: int, *, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Hold linuxkit's `.lock` of a layout: nobody else changes index.json meanwhile.

    Raises:
        CacheBusy: Somebody else still holds it after `patience` seconds.
    """
    with storing("open .lock"):
        descriptor = os.open(".lock", _OPEN, 0o666, dir_fd=root)
    with closing(descriptor):
        _wait(lambda: _try_ofd(descriptor), patience, lambda: _holder(descriptor))
        yield


@contextmanager
def sharing(private: int, *, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Hold `gc.lock` together with others: no sweep runs meanwhile."""
    with _flocked(private, "gc.lock", fcntl.LOCK_SH, patience):
        yield


@contextmanager
def excluding(private: int, *, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Hold `gc.lock` alone: nobody publishes or sweeps meanwhile."""
    with _flocked(private, "gc.lock", fcntl.LOCK_EX, patience):
        yield


def try_flock(descriptor: int, operation: int = fcntl.LOCK_EX) -> bool:
    """Take a flock if that does not mean waiting; it goes with the descriptor."""
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _BUSY:
            raise
        return False
    return True


@contextmanager
def _flocked(private: int, name: str, operation: int, patience: float) -> Iterator[None]:
    with storing(f"open {name}"):
        descriptor = os.open(name, _OPEN, 0o600, dir_fd=private)
    with closing(descriptor):
        _wait(lambda: try_flock(descriptor, operation), patience, lambda: "another cachedb")
        yield


def _wait(attempt: Callable[[], bool], patience: float, holder: Callable[[], str]) -> None:
    give_up = time.monotonic() + patience
    pause = 0.001
    while not attempt():
        if time.monotonic() >= give_up:
            raise CacheBusy(f"the cache is locked by {holder()} (waited {patience:.0f} s)")
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _try_ofd(descriptor: int) -> bool:
    request = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, request)
    except OSError as error:
        if error.errno not in _BUSY:
            raise
        return False
    return True


def _holder(descriptor: int) -> str:
    request = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, request)
    pid = struct.unpack(_FLOCK, answer)[4]
    return f"process {pid}" if pid > 0 else "another process"
