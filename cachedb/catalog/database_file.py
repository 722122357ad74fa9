"""File of a catalog: owned by this user, and writable by no other."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from cachedb.errors import CatalogMismatch, StorageFailed
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

CATALOG = "index.db"
"""Name of the file in the private folder of a cache."""

PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -8000",
)
"""Pragmas of every connection.

8 MB of pages: four times as many take as much longer to allocate as they save in reads, in a first
opening of 72 000 blobs and in scans of 200 000.
"""


def make(path: Path) -> None:
    """Create the file with mode 0600: SQLite itself would make it readable for all users.

    Root makes the owner of the directory its owner, who has to be able to write the catalog too.

    Raises:
        StorageFailed: It cannot be created.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        try:
            owner = path.parent.stat()
            if os.geteuid() == 0 != owner.st_uid:
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
        finally:
            os.close(descriptor)
    except FileExistsError:
        return
    except OSError as error:
        raise StorageFailed.of(error, f"create the catalog {str(path)!r}") from error


def check(path: Path) -> bool:
    """Refuse a file that other users can change; return False without a file.

    Raises:
        CatalogMismatch: The file is a link, belongs to another user, or other users may write it.
        StorageFailed: The directory cannot be read.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageFailed.of(error, f"open the catalog {str(path)!r}") from error
    if not stat.S_ISREG(found.st_mode):
        raise CatalogMismatch(f"the catalog {str(path)!r} is not a regular file")
    if found.st_uid != os.geteuid() and os.geteuid() != 0:
        raise CatalogMismatch(f"the catalog {str(path)!r} belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise CatalogMismatch(
            f"others may write the catalog {str(path)!r}", hint="chmod go-w on it, or delete it"
        )
    return True


class FileVersion(NamedTuple):
    """State of a file that a write moves: its identity, its size, its time."""

    device: int
    """Number of the device (`st_dev`)."""
    inode: int
    """Number of the inode, which another file at the path differs in."""
    size: int
    """Bytes."""
    written_ns: int
    """Time of the last write, in nanoseconds since 1970."""


def version(path: Path | None) -> FileVersion | None:
    """Return what a commit moves, unless it comes within one tick of the clock; None without file.

    Costs one `stat` call.
    """
    found = _status(path)
    if found is None:
        return None
    return FileVersion(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def identity(path: Path | None) -> tuple[int, int] | None:
    """Return device and inode, which differ after a replacement; None without a file."""
    found = _status(path)
    return None if found is None else (found.st_dev, found.st_ino)


def _status(path: Path | None) -> os.stat_result | None:
    with suppress(FileNotFoundError):
        return None if path is None else path.lstat()
    return None
