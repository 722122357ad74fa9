"""Generated page of the tables of the catalog, from `cachedb.catalog.schema`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.dialects import sqlite

from cachedb.catalog.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Column, Table

_ABOUT = """\
<!-- Generated from the code by `make golden`; do not edit. -->

Tables of `.cachedb/index.db`, an SQLite database in STRICT mode; PostgreSQL has the same. Programs
may read it, with `sqlite3 -readonly`; the query language and `--format json` are the interface
that stays. Times are microseconds since 1970, sizes bytes. [Catalog](../explanation/catalog.md)
explains the design, the migrations in `migrations/versions` the changes. Everything but what a
user recorded (`pin`, `log`, times of use) is derived from the files, and a deleted database is
made again.
"""


def page() -> str:
    """Return the page of the SQL schema."""
    parts = ["# SQL schema", _ABOUT]
    for table in sorted(metadata.tables.values(), key=lambda each: each.name):
        parts += [f"## {table.name}\n", *_table(table)]
    text = "\n".join(parts).rstrip()
    return f"{text}\n"


def _table(table: Table) -> Iterator[str]:
    rows = [_row(column) for column in table.columns]
    yield "\n".join(["| column | type | key |", "| --- | --- | --- |", *rows]) + "\n"
    indexes = sorted(str(index.name) for index in table.indexes)
    if indexes:
        yield "Indexes: " + ", ".join(f"`{name}`" for name in indexes) + ".\n"


def _row(column: Column[object]) -> str:
    kind = column.type.compile(dialect=sqlite.dialect())
    nullable = "" if not column.nullable else ", or NULL"
    keys = ["primary key"] if column.primary_key else []
    keys += [f"references `{key.target_fullname}`" for key in column.foreign_keys]
    return f"| `{column.name}` | {kind}{nullable} | {', '.join(keys)} |"
