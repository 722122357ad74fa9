"""Atomic replacement of a catalog file by a newly built one."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from cachedb.catalog.connect import Catalog
from cachedb.catalog.waiting_connection import WaitingConnection
from cachedb.errors import StorageFailed
from cachedb.system_calls import sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Catalog]:
    """Build a catalog beside the one in `path`; when the block ends well, it replaces that one.

    The old file is kept as ``.bak``. A process that has the file open fails at its next
    transaction and loses only that. The caller holds `gc.lock` exclusively.

    Raises:
        CacheBusy: A transaction of another process lasts longer than `CACHEDB_LOCK_SECONDS`.
        StorageFailed: The file system refused; the old catalog is unchanged.
    """
    fresh = path.with_name(f"{path.name}.new")
    try:
        _forget(fresh)
        catalog = Catalog.open(fresh)
        try:
            yield catalog
        finally:
            catalog.close()
        with _excluding_writers(path):
            _move(fresh, path)
    except OSError as error:
        raise StorageFailed.of(error, f"replace the catalog {str(path)!r}") from error
    finally:
        _forget(fresh)


def _move(fresh: Path, path: Path) -> None:
    backup, journal = path.with_name(f"{path.name}.bak"), path.with_name(f"{path.name}-journal")
    if backup.is_dir() and not backup.is_symlink():
        backup.rename(backup.with_name(f"{backup.name}.{os.urandom(4).hex()}"))
    else:
        backup.unlink(missing_ok=True)
    if path.is_symlink() or not path.is_file():
        if os.path.lexists(path):
            path.rename(backup)
    else:
        # A second name first, so that a catalog exists at every instant.
        os.link(path, backup)
    # A journal that is not empty belongs to the old one: SQLite would roll it back into the new
    # one.
    journal.unlink(missing_ok=True)
    fresh.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync(folder)
    finally:
        os.close(folder)


@contextmanager
def _excluding_writers(path: Path) -> Iterator[None]:
    """Exclude transactions of other processes, if the file is a database at all.

    Waiters reopen the path when they get the lock, see another inode and fail.
    """
    if path.is_symlink() or not path.is_file():
        yield
        return
    with closing(WaitingConnection(path, paths=(path,))) as connection:
        with suppress(sqlite3.DatabaseError):  # not a database, so no process can be writing it
            connection.execute("BEGIN EXCLUSIVE")
        yield


def _forget(fresh: Path) -> None:
    for name in (fresh.name, f"{fresh.name}-journal"):
        fresh.with_name(name).unlink(missing_ok=True)
