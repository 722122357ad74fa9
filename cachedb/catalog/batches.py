"""Batches: lists short enough for one statement, and many rows for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import insert

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Table

    from cachedb.catalog.executor import Connection

_T = TypeVar("_T")

# SQLite stops at 32 766 variables; a few hundred are as fast as any more.
_LONGEST = 500


def chunks(items: Iterable[_T]) -> Iterator[list[_T]]:
    """Cut `items` into lists short enough for one statement."""
    batch: list[_T] = []
    for item in items:
        batch.append(item)
        if len(batch) == _LONGEST:
            yield batch
            batch = []
    if batch:
        yield batch


def insert_rows(
    connection: Connection, table: Table[Any], columns: Sequence[str], rows: list[tuple[Any, ...]]
) -> None:
    """Insert rows of plain values, in the order of `columns`: twice as fast as from dicts."""
    if not rows:
        return
    statement = insert(table).compile(
        dialect=connection.alchemy.dialect, column_keys=list(columns)
    )
    if statement.positiontup is None:  # a driver that wants names
        named = [dict(zip(columns, row, strict=True)) for row in rows]
        connection.execute(insert(table), named)
        return
    places = [columns.index(name) for name in statement.positiontup]
    if places != list(range(len(columns))):
        rows = [tuple(row[place] for place in places) for row in rows]
    connection.exec_driver_sql(str(statement), rows)
