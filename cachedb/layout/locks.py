"""Locks between processes, in the order in which they may be taken.

0. `stage.lock` in our own folder (flock): shared by whoever has blobs on the stage, for as long as
   that takes. Nobody waits for it to be free: a collection tries, and leaves the stage alone.
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
from typing import TYPE_CHECKING, NamedTuple

from cachedb.errors import CacheBusy, NotALayout, StorageFailed
from cachedb.layout.directories import closing, is_named, open_regular
from cachedb.limits import LOCK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LONGEST_PAUSE = 0.1
_OPEN = os.O_RDWR | os.O_CREAT
# struct flock: type, whence, start, length (0: the whole file), pid; then the end padding.
_FLOCK = "hhqqi0q"
_BUSY = frozenset({errno.EAGAIN, errno.EACCES})


@contextmanager
def names(root: int, *, patience: float | None = None) -> Iterator[None]:
    """Hold linuxkit's `.lock` of a layout: nobody else changes index.json meanwhile.

    Raises:
        CacheBusy: Somebody else still holds it after `patience` seconds.
    """
    with _locked(root, _NAMES, patience):
        yield


@contextmanager
def sharing(private: int, *, patience: float | None = None) -> Iterator[None]:
    """Hold `gc.lock` together with others: no sweep runs meanwhile."""
    with _locked(private, _SHARED, patience):
        yield


@contextmanager
def excluding(private: int, *, patience: float | None = None) -> Iterator[None]:
    """Hold `gc.lock` alone: nobody publishes or sweeps meanwhile."""
    with _locked(private, _ALONE, patience):
        yield


@contextmanager
def staging(private: int) -> Iterator[None]:
    """Hold `stage.lock` together with others: no complete blob is cleared from the stage."""
    with _locked(private, _STAGE, None):
        yield


@contextmanager
def nobody_staging(private: int) -> Iterator[bool]:
    """Keep others from the stage if nobody is using it; yields whether that is so."""
    with closing(open_regular(private, _STAGE.name, _OPEN, _STAGE.mode)) as descriptor:
        yield try_flock(descriptor)


def is_staging(private: int) -> bool:
    """Whether somebody is using the stage, or we cannot tell; nothing is made to find out."""
    try:
        descriptor = open_regular(private, _STAGE.name, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except (NotALayout, StorageFailed):
        return True
    with closing(descriptor):
        return not try_flock(descriptor)


def try_flock(descriptor: int, operation: int = fcntl.LOCK_EX) -> bool:
    """Take a flock if that does not mean waiting; it goes with the descriptor."""
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _BUSY:
            raise
        return False
    return True


class _Lock(NamedTuple):
    name: str
    mode: int
    attempt: Callable[[int], bool]
    holder: Callable[[int], str]


def make_locked(directory: int, name: str) -> int:
    """Make a file of which we hold the flock before anybody takes it for one left behind."""
    while True:
        descriptor = open_regular(directory, name, _OPEN | os.O_EXCL)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if is_named(directory, name, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


@contextmanager
def _locked(parent: int, lock: _Lock, patience: float | None) -> Iterator[None]:
    patience = LOCK_SECONDS.value if patience is None else patience
    give_up = time.monotonic() + patience
    while True:
        with closing(open_regular(parent, lock.name, _OPEN, lock.mode)) as descriptor:
            if not _wait(lock, descriptor, give_up):
                holder = lock.holder(descriptor)
                raise CacheBusy(f"the cache is locked by {holder} (waited {patience:.0f} s)")
            # A file that was removed meanwhile is no lock any more: the next one is another.
            if is_named(parent, lock.name, descriptor):
                yield
                return


def _wait(lock: _Lock, descriptor: int, give_up: float) -> bool:
    pause = 0.001
    while not lock.attempt(descriptor):
        if time.monotonic() >= give_up:
            return False
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    return True


def _try_sharing(descriptor: int) -> bool:
    return try_flock(descriptor, fcntl.LOCK_SH)


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


def _another(_descriptor: int) -> str:
    return "another cachedb"


_NAMES = _Lock(".lock", 0o666, _try_ofd, _holder)
_SHARED = _Lock("gc.lock", 0o600, _try_sharing, _another)
_STAGE = _Lock("stage.lock", 0o600, _try_sharing, _another)
_ALONE = _Lock("gc.lock", 0o600, try_flock, _another)
