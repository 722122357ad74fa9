"""Compile the named statements of the catalog and its tables to SQL files: ``make golden``.

The files stand in ``cachedb/catalog/compiled`` and are reviewed like any other text. A test
compiles again and compares, so an edit by hand, or a statement that is not compiled, fails.
"""

from __future__ import annotations

import re
import sqlite3
import textwrap
from functools import cache, partial
from importlib import import_module
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

import cachedb.catalog.queries
import cachedb.catalog.statements
from cachedb.catalog.queries.definition import DEFINITIONS
from cachedb.catalog.schema import file_tables, metadata
from cachedb.catalog.statement import Insert, Named
from cachedb.query.sql.dialect import in_one_schema
from scripts.server_tables import for_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sqlalchemy import Dialect, MetaData

_HEAD = """\
-- {what} for {dialect}.
-- Generated from cachedb/catalog/{source} by `make golden`; never edited by hand.
"""
_REVISION = "0002"
_DIALECTS: dict[str, Callable[[], Dialect]] = {
    "sqlite": lambda: sqlite.dialect(paramstyle="named"),
    "postgresql": lambda: postgresql.dialect(paramstyle="pyformat"),
}
_POSITIONAL: dict[str, Callable[[], Dialect]] = {
    "sqlite": lambda: sqlite.dialect(paramstyle="qmark"),
    "postgresql": lambda: postgresql.dialect(paramstyle="format"),
}


@cache
def handles() -> list[Named]:
    """Return every handle of `catalog.statements`, by name."""
    found: dict[str, Named] = {}
    for module in _modules(cachedb.catalog.statements):
        for value in vars(module).values():
            # A module may have a table of handles, which differ in a column.
            for each in value.values() if isinstance(value, dict) else (value,):
                if isinstance(each, Named):
                    found[each.name] = each
    return [found[name] for name in sorted(found)]


def content_of(name: str) -> str:
    """Compile one of `FILES`."""
    return "".join(FILES[name]())


@cache
def text_of(handle: Named, dialect: str = "sqlite") -> str:
    """Compile one statement: bound by name, or by position for an `Insert` of rows."""
    statement: Any = definitions()[handle.name][1]()
    if isinstance(handle, Insert):
        compiled = statement.compile(
            dialect=_POSITIONAL[dialect](), column_keys=list(handle.columns)
        )
        order = [name for name in handle.columns if name in set(compiled.positiontup)]
        if compiled.positiontup != list(handle.columns):
            raise ValueError(f"{handle.name}: bound as {compiled.positiontup}, not as {order}")
        return _flat(in_one_schema(str(compiled), dialect))
    compiled = statement.compile(dialect=_DIALECTS[dialect]())
    named = {key for key, bound in compiled.binds.items() if not bound.unique}
    expanded = compiled.construct_expanded_state(dict.fromkeys(named))
    text = _flat(in_one_schema(expanded.statement, dialect))
    for name, value in expanded.parameters.items():
        if name not in named:
            mark = rf":{name}\b" if dialect == "sqlite" else rf"%\({name}\)s"
            literal = _literal(value)
            if dialect == "postgresql":  # whose driver takes a lone % for a parameter
                literal = literal.replace("%", "%%")
            text = re.sub(mark, lambda _found, literal=literal: literal, text)
    return text


@cache
def definitions() -> dict[str, Any]:
    """Return every handle with the function that writes its statement, by name."""
    _modules(cachedb.catalog.queries)
    return DEFINITIONS


def _modules(package: Any) -> list[Any]:
    found = walk_packages(package.__path__, f"{package.__name__}.")
    return [import_module(module.name) for module in found]


def _statements(dialect: str) -> Iterator[str]:
    yield _HEAD.format(what="Named statements", dialect=dialect, source="queries")
    for handle in handles():
        yield f"\n-- name: {handle.name}\n{_filled(text_of(handle, dialect))};\n"


def _tables(dialect: str) -> Iterator[str]:
    yield _HEAD.format(what="Tables and indexes", dialect=dialect, source="schema")
    yield from _tables_of(metadata, dialect)
    yield (
        "\n-- table: alembic_version\nCREATE TABLE alembic_version (version_num VARCHAR(32) NOT"
        " NULL,\nCONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));\n"
        f"\n-- row: revision\nINSERT INTO alembic_version (version_num) VALUES ('{_REVISION}');\n"
    )


def _file_tables(dialect: str) -> Iterator[str]:
    source = "schema/file_tables.py"
    yield _HEAD.format(
        what="Tables and indexes of the index of files", dialect=dialect, source=source
    )
    yield from _tables_of(file_tables.metadata, dialect)


def _tables_of(tables: MetaData, dialect: str) -> Iterator[str]:
    chosen = _of_tables(dialect)
    if dialect == "postgresql":
        tables = for_server(tables)
    for table in tables.sorted_tables:
        text = in_one_schema(str(CreateTable(table).compile(dialect=chosen)), dialect)
        yield f"\n-- table: {table.name}\n{_filled(text)};\n"
        for index in sorted(table.indexes, key=lambda each: str(each.name)):
            text = in_one_schema(str(CreateIndex(index).compile(dialect=chosen)), dialect)
            yield f"\n-- index: {index.name}\n{_filled(text)};\n"


def _of_tables(dialect: str) -> Dialect:
    """Return the dialect of DDL; PostgreSQL compares texts by code points then, as SQLite does.

    It would compare them in the collation of the database otherwise.
    """
    chosen = _DIALECTS[dialect]()
    if dialect == "postgresql":
        types: Any = chosen.type_compiler_instance
        types.visit_TEXT = lambda _type, **_options: 'TEXT COLLATE "C"'
    return chosen


def _plans() -> Iterator[str]:
    """Yield the query plan of every statement that reads, on the tables without rows."""
    version = ".".join(sqlite3.sqlite_version.split(".")[:2])
    yield f"Query plans of the named statements by SQLite {version}, without statistics.\n"
    connection = sqlite3.connect(":memory:")
    connection.executescript("".join(_tables("sqlite")))
    connection.execute("ATTACH ':memory:' AS files")
    connection.executescript("".join(_file_tables("sqlite")))
    for handle in handles():
        if isinstance(handle, Insert):
            continue
        text = text_of(handle)
        values = dict.fromkeys(re.findall(r":(\w+)", text))
        yield f"\n{handle.name}\n"
        yield from _indented(connection.execute(f"EXPLAIN QUERY PLAN {text}", values))
    connection.close()


def _indented(rows: Iterable[tuple[int, int, int, str]]) -> Iterator[str]:
    depth = {0: 0}
    for key, parent, _, detail in rows:
        depth[key] = depth.get(parent, 0) + 1
        yield f"{'  ' * depth[key]}{detail}\n"


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(int(value))
    text = str(value).replace("'", "''")
    return f"'{text}'"


def _flat(text: str) -> str:
    return " ".join(text.split())


def _filled(text: str) -> str:
    return textwrap.fill(_flat(text), width=95, break_long_words=False, break_on_hyphens=False)


FILES: dict[str, Callable[[], Iterator[str]]] = {
    **{f"{dialect}.sql": partial(_statements, dialect) for dialect in _DIALECTS},
    **{f"{dialect}_tables.sql": partial(_tables, dialect) for dialect in _DIALECTS},
    **{f"{dialect}_file_tables.sql": partial(_file_tables, dialect) for dialect in _DIALECTS},
    "sqlite_plans.txt": _plans,
}
"""The lines of every compiled file, by its name."""
