"""Lease files: which operations are running, without relying on a clock.

A running operation holds a flock on ``leases/<id>``, which the kernel releases when the process
ends. The blobs that the operation protects are listed in the catalog under the same id.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from cachedb.layout.directories import (
    closing,
    make_directory,
    open_directory,
    open_file,
)
from cachedb.layout.locks import make_locked, try_flock

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def holding(private: int) -> Iterator[str]:
    """Hold a new lease for the time of the block; yields its id, 16 hexadecimal digits.

    A lease is a locked file: the kernel releases it when the process ends, however it ends.

    Raises:
        StorageFailed: The file cannot be created.
    """
    with closing(make_directory(private, "leases", mode=0o700)) as directory:
        key = os.urandom(8).hex()
        with closing(make_locked(directory, key)):
            try:
                yield key
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(key, dir_fd=directory)


def active(private: int) -> set[str]:
    """Return the ids of the leases that running processes hold; costs one lock attempt a file."""
    return {name for name, descriptor in _files(private) if not _is_free(descriptor)}


def remove_stale(private: int) -> None:
    """Remove the files of leases whose process has ended."""
    for name, descriptor in _files(private):
        # Removed under its lock: a process that has just created the file waits for the lock,
        # then finds that the name is gone and creates another one (`make_locked`).
        if try_flock(descriptor):
            with (
                closing(open_directory(private, "leases")) as directory,
                suppress(FileNotFoundError),
            ):
                os.unlink(name, dir_fd=directory)


def _files(private: int) -> Iterator[tuple[str, int]]:
    try:
        directory = open_directory(private, "leases")
    except FileNotFoundError:
        return
    with closing(directory):
        for name in os.listdir(directory):
            with suppress(FileNotFoundError), closing(open_file(directory, name)) as descriptor:
                yield name, descriptor


def _is_free(descriptor: int) -> bool:
    # Shared: two processes that test at the same time must not see each other as the holder.
    return try_flock(descriptor, fcntl.LOCK_SH)
