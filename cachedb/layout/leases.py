"""Leases: which operations are running, told without a clock.

A running operation holds a lock on ``leases/<id>``; the kernel lets go of it when the process
ends, however it ends. What the operation holds is written in the catalog under the same id.
"""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from cachedb.layout.directories import closing, make_directory, open_directory, storing
from cachedb.layout.locks import try_flock

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def holding(private: int) -> Iterator[str]:
    """Hold a new lease; yields its id."""
    key = secrets.token_hex(8)
    with closing(make_directory(private, "leases", mode=0o700)) as directory:
        with storing("open a lease"):
            descriptor = os.open(key, _NEW, 0o600, dir_fd=directory)
        with closing(descriptor):
            try_flock(descriptor)
            try:
                yield key
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(key, dir_fd=directory)


def living(private: int) -> set[str]:
    """Return the ids of the leases whose process lives; the files of the others are removed."""
    try:
        directory = open_directory(private, "leases")
    except FileNotFoundError:
        return set()
    found = set()
    with closing(directory):
        for name in os.listdir(directory):
            if _is_held(directory, name):
                found.add(name)
            else:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=directory)
    return found


def _is_held(directory: int, name: str) -> bool:
    try:
        descriptor = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        return False
    with closing(descriptor):
        return not try_flock(descriptor)
