"""Snapshot of a catalog in SQLite: a copy that is read without keeping writers from their commit.

A reader of a database with a rollback journal keeps every writer waiting. Work that lasts, such as
sending the rows to a server, reads a copy instead.
"""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

from cachedb.catalog.executor import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEMPORARY = ""
"""SQLite keeps such a database in a file without a name, or in memory while it is small."""


class Snapshot:
    """Copies of the rows of a catalog, and of its index of files; None without one."""

    def __init__(self, catalog: Connection, files: Connection | None) -> None:
        self.catalog = catalog
        self.files = files


@contextmanager
def taking(source: Connection, *, has_files: bool) -> Iterator[Snapshot]:
    """Copy what a transaction sees, with its index of files, for the time of the block.

    Costs the size of the catalog in the temporary directory of SQLite, and no lock once it is
    made: the caller ends the transaction of `source` inside of the block.

    Raises:
        sqlite3.OperationalError: That directory is full.
    """
    with ExitStack() as stack:
        catalog = stack.enter_context(_copied(source, "main"))
        files = stack.enter_context(_copied(source, "files")) if has_files else None
        yield Snapshot(catalog, files)


@contextmanager
def _copied(source: Connection, name: str) -> Iterator[Connection]:
    with closing(sqlite3.connect(_TEMPORARY, check_same_thread=False)) as driver:
        source.driver.backup(driver, name=name)
        yield Connection(driver)
