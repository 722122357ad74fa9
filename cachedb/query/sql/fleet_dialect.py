"""Dialect of PostgreSQL in which tables of a catalog stand in a schema that is named later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect

from cachedb.catalog.schema import file_tables
from cachedb.query.fleet_statement import FILES, SCHEMA

if TYPE_CHECKING:
    from sqlalchemy import Dialect


class _FleetCompiler(PGCompiler):
    """Write `SCHEMA.table` where a table is selected from; its columns stay `table.column`.

    Tables of the index of files are in the schema `FILES`.
    """

    def visit_table(self, table: Any, *given: Any, **options: Any) -> Any:
        if options.get("asfrom") and isinstance(table, Table):
            schema = FILES if table.schema == file_tables.metadata.schema else SCHEMA
            return f"{schema}.{self.preparer.quote(table.name)}"
        return super().visit_table(table, *given, **options)  # type: ignore[no-untyped-call]


class _FleetDialect(PGDialect):
    statement_compiler = _FleetCompiler
    supports_statement_cache = False


def make(*, paramstyle: str) -> Dialect:
    """Return the dialect."""
    return _FleetDialect(paramstyle=paramstyle)  # type: ignore[no-untyped-call]
