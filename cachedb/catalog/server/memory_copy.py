"""Copy of a catalog in a server into memory, for plans on a state that does not exist yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog import compiled
from cachedb.catalog.connect import Catalog

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachedb.catalog.executor import Connection

_NOT_COPIED = frozenset({"alembic_version", "lease", "lease_item"})
"""The revision is that of the schema; leases are about operations on the real layout."""


def copy(source: Connection) -> Catalog:
    """Copy every row of a transaction, with the index of files, into a catalog in memory.

    Costs the size of the catalog. What is written to the copy ends with it.
    """
    found = Catalog.in_memory()
    with found.reading_files():
        pass  # which attaches an empty index of files
    with found.writing() as target:
        target.driver.execute("PRAGMA defer_foreign_keys = ON")
        _fill(source, target, "main", compiled.tables("sqlite"))
        _fill(source, target, "files", compiled.file_tables("sqlite"))
    return found


def _fill(
    source: Connection, target: Connection, schema: str, ddl: Iterable[tuple[str, str, str]]
) -> None:
    for kind, table, _ in ddl:
        if kind != "table" or table in _NOT_COPIED:
            continue
        target.driver.execute(f'DELETE FROM {schema}."{table}"')  # noqa: S608  (names of tables)
        found = target.driver.execute(f'PRAGMA {schema}.table_info("{table}")')
        columns = [str(name) for _, name, *_ in found]
        quoted = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join("?" * len(columns))
        rows = source.run(f'SELECT {quoted} FROM "{table}"')  # noqa: S608  (names of columns)
        target.driver.executemany(
            f'INSERT INTO {schema}."{table}" ({quoted}) VALUES ({marks})',  # noqa: S608
            rows,
        )
