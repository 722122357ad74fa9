"""Executor of named statements on a connection of psycopg."""

from __future__ import annotations

import re
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from psycopg import errors, sql

from cachedb.catalog.executor import Connection
from cachedb.catalog.server.schemas import schema_revision
from cachedb.patterns import lazy

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import psycopg

    from cachedb.catalog.executor import Bound
    from cachedb.catalog.statement import Insert, Write

_FEW = 8
"""Rows that are inserted by one statement each, which needs fewer messages than COPY."""
_MANY = 1_000
"""Rows of one transaction from which on a table may need new statistics."""
_SHARE = 0.1
"""Share of a table that these rows have to be, as autovacuum counts."""
_INSERT = lazy(r"INSERT INTO ([\w.]+) (\([^)]*\)) VALUES\s*\([^)]*\)", re.DOTALL)


class ServerConnection(Connection):
    """A connection inside a transaction of a `ServerCatalog`.

    No statement is prepared by name and no state outlives the transaction, so that a pooler may
    run each transaction on another connection of the server.
    """

    __slots__ = ("_copied",)

    dialect = "postgresql"

    def __init__(self, driver: psycopg.Connection[Any]) -> None:
        super().__init__(cast("Any", driver))
        self._copied: dict[str, int] = {}

    def write_each(self, statement: Write, rows: Iterable[Mapping[str, Bound]]) -> int:
        """Run a write once for each mapping of values; return how many rows were changed."""
        with self.driver.cursor() as cursor:
            cursor.executemany(self._texts[statement.name], list(rows))
            return max(int(cursor.rowcount), 0)

    def insert(self, statement: Insert, rows: Iterable[Sequence[Bound]]) -> None:
        """Insert rows of plain values in the order of the columns of the statement, by COPY."""
        text = self._texts[statement.name]
        listed = list(rows)
        with self.driver.cursor() as cursor:
            if len(listed) <= _FEW:
                cursor.executemany(text, listed)
                return
            table, columns = _copied_into(text)
            with cursor.copy(f"COPY {table} {columns} FROM STDIN") as copy:
                for row in listed:
                    copy.write_row(row)
        self.note_copied(table, len(listed))

    def note_copied(self, table: str, rows: int) -> None:
        """Count rows that were copied into a table, for `analyze`."""
        self._copied[table] = self._copied.get(table, 0) + rows

    def analyze(self) -> None:
        """Measure the tables of which this transaction has copied a large part.

        Autovacuum measures them up to minutes later. Until then the server plans walks for tables
        of a few rows, which take a hundred times as long. A table that another process measures or
        vacuums at the moment is skipped, as is one of another owner.
        """
        names = [name for name, rows in self._copied.items() if rows >= _MANY]
        if not names:
            return
        found = self.driver.execute(
            "SELECT oid::REGCLASS::TEXT, relname, reltuples FROM pg_class"
            " WHERE oid = ANY (%s::REGCLASS[])",
            (names,),
        )
        for quoted, name, before in found.fetchall():
            if self._copied[name] >= _SHARE * before:
                self.driver.execute(f"ANALYZE (SKIP_LOCKED) {quoted}")

    def insert_one(self, statement: Insert, *values: Bound) -> int:
        """Insert one row; return its id, or 0 for a table without ids."""
        cursor = self.driver.execute(self._texts[statement.name], values)
        row = cursor.fetchone() if cursor.description is not None else None
        return 0 if row is None else int(row[0])

    @contextmanager
    def only_reading(
        self, seconds: float, prepare: Callable[[sqlite3.Connection], None]
    ) -> Iterator[None]:
        """Interrupt statements that take longer; the transaction refuses writes already.

        Raises:
            TimeoutError: A statement was interrupted.
        """
        del prepare  # the server has its own regular expressions
        limit = sql.SQL("SET LOCAL statement_timeout = {}")
        self.driver.execute(limit.format(sql.Literal(f"{max(int(seconds * 1000), 1)}ms")))
        try:
            yield
        except errors.QueryCanceled as error:
            raise TimeoutError from error

    def shared_now(self) -> int:
        """Return the time of the server, in microseconds since 1970."""
        ((now,),) = self.driver.execute(
            "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT"
        )
        return int(now)

    def faults(self) -> list[str]:
        """Return the tables and indexes that are missing; pages and keys the server checks."""
        ((schema,),) = self.driver.execute("SELECT current_schema()")
        return schema_revision.missing(cast("Any", self.driver), str(schema))


@cache
def _copied_into(text: str) -> tuple[str, str]:
    """Return the table and the columns of an INSERT of values."""
    found = _INSERT.match(text)
    assert found is not None, text
    return found[1], found[2]
