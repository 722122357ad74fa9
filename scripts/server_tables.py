"""Tables of the catalog as PostgreSQL has them: no B-tree holds a text from outside.

An entry of a B-tree has at most 2704 bytes, and a longer text would make its transaction fail;
SQLite has no limit. Keys and indexes that end with such a text keep the columns before it; those
that begin with one are hash indexes, which have no limit and answer `=`. Uniqueness is that of the
derivation, which writes under the lock of writers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

_SHORT = frozenset({"state.key", "lease.id", "lease_item.lease_id", "attributes.mode"})
"""Columns of texts that cachedb makes itself."""


def for_server(tables: MetaData) -> MetaData:
    """Return the tables with the keys and indexes that PostgreSQL has."""
    found = MetaData(naming_convention=tables.naming_convention)
    for table in tables.sorted_tables:
        _copy(table, found)
    return found


def _copy(table: Table, to: MetaData) -> None:
    is_keyed = not _is_limited(table.primary_key.columns)
    others = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    others.sort(key=lambda each: str(each.name))
    keys_and_indexes = [
        *([] if is_keyed else [table.primary_key]),
        *(each for each in others if _is_limited(each.columns)),
    ]
    made = Table(
        table.name,
        to,
        *(_column(column, is_key=is_keyed and column.primary_key) for column in table.columns),
        *(
            UniqueConstraint(*each.columns.keys())
            for each in others
            if each not in keys_and_indexes
        ),
    )
    wanted: dict[str, Index] = {}
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        if not _is_limited(index.columns):
            _add(
                wanted,
                made,
                index.columns.keys(),
                index.dialect_options["postgresql"]["where"],
                name=str(index.name),
            )
        else:
            _add_unlimited(wanted, made, list(index.columns))
    for key in keys_and_indexes:
        _add_unlimited(wanted, made, list(key.columns))


def _column(column: Column[Any], *, is_key: bool) -> Column[Any]:
    keys = [
        ForeignKey(f"{key.column.table.name}.{key.column.name}", ondelete=key.ondelete)
        for key in column.foreign_keys
    ]
    return Column(
        column.name, column.type, *keys, primary_key=is_key, nullable=bool(column.nullable)
    )


def _is_limited(columns: Iterable[Column[Any]]) -> bool:
    """Return whether a B-tree over the columns would limit the length of a text from outside."""
    return any(_is_long(column) for column in columns)


def _is_long(column: Column[Any]) -> bool:
    return isinstance(column.type, Text) and f"{column.table.name}.{column.name}" not in _SHORT


def _add_unlimited(wanted: dict[str, Index], made: Table, columns: Sequence[Column[Any]]) -> None:
    """Add an index over the columns before the first long text, or of that text by its hash."""
    names = []
    for column in columns:
        if _is_long(column):
            break
        names.append(column.name)
    if names:
        _add(wanted, made, names, None)
    else:
        _add(wanted, made, [columns[0].name], None, using="hash")


def _add(
    wanted: dict[str, Index],
    made: Table,
    names: Sequence[str],
    where: Any,
    *,
    name: str | None = None,
    using: str | None = None,
) -> None:
    """Add an index, unless it is there already or the primary key begins with its columns."""
    name = name or f"ix_{made.name}_{'_'.join(names)}"
    is_in_key = where is None and made.primary_key.columns.keys()[: len(names)] == list(names)
    if name in wanted or is_in_key:
        return
    columns = [made.c[each] for each in names]
    wanted[name] = Index(name, *columns, postgresql_where=where, postgresql_using=using)
