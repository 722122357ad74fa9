"""Leases: which operations are running, told without a clock.

A running operation holds a lock on ``leases/<id>``; the kernel lets go of it when the process
ends, however it ends. What the operation holds is written in the catalog under the same id.
"""

from __future__ import annotations

import fcntl
import os
import secrets
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
    """Hold a new lease; yields its id."""
    with closing(make_directory(private, "leases", mode=0o700)) as directory:
        key = secrets.token_hex(8)
        with closing(make_locked(directory, key)):
            try:
                yield key
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(key, dir_fd=directory)


def living(private: int) -> set[str]:
    """Return the ids of the leases whose process lives."""
    return {name for name, descriptor in _files(private) if not _is_free(descriptor)}


def bury(private: int) -> None:
    """Remove the files of the leases whose process is gone."""
    for name, descriptor in _files(private):
        # Locked while it is removed, so that whoever has just made it sees that it is gone.
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
    # Shared, so that two who ask at once do not take each other for the holder.
    return try_flock(descriptor, fcntl.LOCK_SH)
