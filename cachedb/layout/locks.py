"""Locks between processes, in the order in which they are taken.

0. `.cachedb/stage.lock` (flock): shared while an operation has the staging area open. A collection
   tries to take it exclusively without waiting, and leaves complete staged blobs if it cannot.
1. `.cachedb/gc.lock` (flock): shared while blobs are published, exclusive for the sweep, for
   migrations and for a rebuild of the catalog.
2. `.lock` in the root, which linuxkit takes too, around every change of index.json. linuxkit uses
   a POSIX write lock on the whole file; this is an open-file-description lock, which conflicts
   with it, works between threads and survives the closing of other descriptors of the file. A
   flock would not conflict with linuxkit's. macOS has no such locks: there it is a POSIX lock, and
   threads take turns.
3. The write transaction of the catalog.
4. `.cachedb/journal.lock` (flock): around an append to the journal, and around its replacement.

A process that holds one takes only those below it, and never holds `.lock` during network traffic.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from cachedb import system_calls
from cachedb.errors import CacheBusy, NotALayout, StorageFailed
from cachedb.layout.directories import closing, is_named, open_regular
from cachedb.limits import LOCK_SECONDS
from cachedb.lock_waits import UNKNOWN, Wait, holder_of
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OPEN = os.O_RDWR | os.O_CREAT
_BUSY = frozenset({errno.EAGAIN, errno.EACCES})


@contextmanager
def names(root: int, *, timeout: float | None = None) -> Iterator[None]:
    """Hold linuxkit's `.lock` of a layout, which excludes other writers of index.json.

    Raises:
        CacheBusy: Another process still holds it after `timeout` seconds (LOCK_SECONDS if None).
    """
    seconds = LOCK_SECONDS.value if timeout is None else timeout
    with system_calls.taking_turns(root, seconds) as has_turn:
        if not has_turn:
            raise CacheBusy(
                f"the cache is locked by another thread (waited {seconds:.0f} s)",
                hint=f"{LOCK_SECONDS.variable}=SECONDS waits longer",
            )
        with _locked(root, _NAMES, timeout):
            yield


@contextmanager
def journal(private: int, *, timeout: float | None = None) -> Iterator[None]:
    """Hold `journal.lock`, which excludes other writers of the journal; fails as `names` does."""
    with _locked(private, _JOURNAL, timeout):
        yield


@contextmanager
def sharing(private: int, *, timeout: float | None = None) -> Iterator[None]:
    """Hold `gc.lock` shared, which excludes a sweep; fails as `names` does."""
    with _locked(private, _SHARED, timeout):
        yield


@contextmanager
def excluding(private: int, *, timeout: float | None = None) -> Iterator[None]:
    """Hold `gc.lock` exclusively, which excludes publishing and sweeps; fails as `names` does."""
    with _locked(private, _ALONE, timeout):
        yield


@contextmanager
def staging(private: int) -> Iterator[None]:
    """Hold `stage.lock` shared, which keeps complete blobs in the staging area.

    Waits for a process that clears the area; fails as `names` does.
    """
    with _locked(private, _STAGE, None):
        yield


@contextmanager
def exclusive_staging(private: int) -> Iterator[bool]:
    """Try to hold `stage.lock` exclusively, without waiting; yields whether it is held."""
    with closing(open_regular(private, _STAGE.name, _OPEN, _STAGE.mode)) as descriptor:
        yield try_flock(descriptor)


def is_staging_in_use(private: int) -> bool:
    """Return whether another process has the staging area open, or may have; creates no file."""
    try:
        descriptor = open_regular(private, _STAGE.name, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except (NotALayout, StorageFailed):
        return True
    with closing(descriptor):
        return not try_flock(descriptor)


def try_flock(descriptor: int, operation: int = fcntl.LOCK_EX) -> bool:
    """Take a flock without waiting; return False if another descriptor holds it.

    The kernel releases it when the descriptor is closed.
    """
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _BUSY:
            raise
        return False
    return True


class _Lock(NamedTuple):
    name: str
    what: str
    mode: int
    attempt: Callable[[int], bool]
    queue: Callable[[int], Callable[[float], object] | None] = lambda _: None
    """Asks for a turn, where the kernel has a queue: `system_calls.queue_for_record_lock`."""


def make_locked(directory: int, name: str) -> int:
    """Create a file and hold its flock; the caller closes the descriptor.

    A collector that finds the file unlocked between the two steps removes it; then another one is
    created.
    """
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
def _locked(parent: int, lock: _Lock, timeout: float | None) -> Iterator[None]:
    timeout = LOCK_SECONDS.value if timeout is None else timeout
    wait: Wait | None = None
    while True:
        with closing(open_regular(parent, lock.name, _OPEN, lock.mode)) as descriptor:
            queue: Callable[[float], object] | None = None
            while not lock.attempt(descriptor):
                if wait is not None:  # most waits are over after the first pause
                    queue = queue or lock.queue(descriptor)
                wait = wait or Wait(partial(_held, lock, descriptor), timeout)
                if not wait.goes_on(queue):
                    raise CacheBusy(
                        f"the cache is locked by {_holder(descriptor) or 'another thread'}"
                        f" (waited {timeout:.0f} s)",
                        hint=f"{LOCK_SECONDS.variable}=SECONDS waits longer",
                    )
            # The file may have been removed while this process waited for its lock; a process
            # that opens the name now locks another inode.
            if is_named(parent, lock.name, descriptor):
                yield
                return


def _try_sharing(descriptor: int) -> bool:
    return try_flock(descriptor, fcntl.LOCK_SH)


def _held(lock: _Lock, descriptor: int) -> tuple[str, str] | None:
    holder = _holder(descriptor)
    return None if holder is None else (lock.what, holder)


def _holder(descriptor: int) -> str | None:
    """Name a process that holds a lock on an open file, as far as the kernel shows it."""
    found = holder_of(os.fstat(descriptor))
    if found != UNKNOWN:
        return found
    # /proc hides the descriptors of other users' processes; the owner of a POSIX lock is public.
    owner = system_calls.record_lock_owner(descriptor)
    return found if owner is None else f"process {owner}"


_JOURNAL = _Lock(
    "journal.lock", "the lock of the journal (.cachedb/journal.lock)", 0o600, try_flock
)
_NAMES = _Lock(
    ".lock",
    "the lock of names (.lock)",
    0o666,
    system_calls.try_record_lock,
    system_calls.queue_for_record_lock,
)
_SHARED = _Lock("gc.lock", "the lock of collections (.cachedb/gc.lock)", 0o600, _try_sharing)
_STAGE = _Lock(
    "stage.lock", "the lock of the staging area (.cachedb/stage.lock)", 0o600, _try_sharing
)
_ALONE = _Lock("gc.lock", "the lock of collections (.cachedb/gc.lock)", 0o600, try_flock)
