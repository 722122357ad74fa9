"""Copy of the catalog of a host in a server: one COPY a table, in one transaction.

Its rows are read from a snapshot: a reader of a SQLite database with a rollback journal keeps
every writer waiting, and sending the rows takes long.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

from psycopg import sql

from cachedb.catalog import compiled, state
from cachedb.catalog.enums import OWNER, PUBLISHED
from cachedb.catalog.executor import Connection
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.catalog.server.executor import ServerConnection

_TEMPORARY = ""
"""SQLite keeps such a database in a file without a name, or in memory while it is small."""
_NOT_COPIED = frozenset({"alembic_version", "lease", "lease_item"})
"""The revision is that of the schema; leases are about operations on the host itself."""


class CopyRecord(Record):
    """State of a published copy: what it was made of, when, and by which host."""

    stamp: str
    """Text that differs when the rows of the source differ."""
    at: int
    """Time of the server at the publication, in microseconds since 1970."""
    host: str
    """Name of the host that published it."""

    @classmethod
    def read(cls, connection: Connection) -> CopyRecord | None:
        """Read the record of the copy in a schema; None if there is none."""
        text = state.read(connection, PUBLISHED)
        if text is None:
            return None
        found = json.loads(text)
        return cls(stamp=found["stamp"], at=found["at"], host=found["host"])


def replace(source: Snapshot, target: ServerConnection, *, stamp: str, host: str) -> int:
    """Replace the copy by the rows of `source`; return their number.

    Readers see the copy before, until the transaction of `target` commits. The index of files is
    copied if `source` has one.
    """
    tables = _tables("postgresql", compiled.tables)
    of_files = _tables("postgresql", compiled.file_tables)
    for name in reversed((*tables, *of_files)):
        target.driver.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
    number = sum(_copy(source.catalog, target, name) for name in tables)
    if source.files is not None:
        number += sum(_copy(source.files, target, name) for name in of_files)
    at = target.shared_now()
    record = {"stamp": stamp, "at": at, "host": host}
    state.write(target, PUBLISHED, json.dumps(record))
    return number


def _tables(dialect: str, ddl: Any) -> list[str]:
    return [name for kind, name, _ in ddl(dialect) if kind == "table" and name not in _NOT_COPIED]


def _copy(source: Connection, target: ServerConnection, table: str) -> int:
    """Copy a table whose columns have the same names in both databases."""
    found = target.driver.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::REGCLASS AND attnum > 0"
        " AND NOT attisdropped ORDER BY attnum",
        (table,),
    )
    names = [str(name) for (name,) in found]
    quoted = ", ".join(f'"{name}"' for name in names)
    rows = source.run(f'SELECT {quoted} FROM "{table}"')  # noqa: S608  (names of columns)
    text = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    number = 0
    with target.driver.cursor() as cursor, cursor.copy(text) as copy:
        for row in rows:
            copy.write_row(row)
            number += 1
    target.note_copied(table, number)
    return number


def keep_owner(target: ServerConnection, owner: str) -> None:
    """Enter the identity of the layout again, which is not one of the rows that are copied."""
    state.write(target, OWNER, owner)


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
