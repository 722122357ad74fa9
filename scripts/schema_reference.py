"""Generated page of the tables of the catalog and of the index of files.

Types, keys and indexes are those of `cachedb.catalog.schema`; meanings are its docstrings, read
from the source because a docstring below an assignment is not kept at run time.
"""

from __future__ import annotations

import ast
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.dialects import sqlite

from cachedb.catalog import enums, schema
from cachedb.catalog.schema import file_tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from sqlalchemy import Column, Table

_ABOUT = """\
<!-- Generated from the code by `make golden`; do not edit. -->

Tables of the [catalog](../explanation/catalog.md), `.cachedb/index.db`, and of the [index of
files](../how-to/look-inside-layers.md#index-files), `.cachedb/files.db`: SQLite databases in
STRICT mode. A [catalog in PostgreSQL](../how-to/share-a-catalog.md) has a schema for each of them.
Programs may read them, with `sqlite3 -readonly`; the query language and `--format json` are the
interfaces that stay. Times are microseconds since 1970 in UTC, sizes are bytes, where nothing else
is stated. Pins, times of use, of pull and of verification, origins and leases are recorded by
operations; everything else is derived from the files of the layout, and is made again if the
database is deleted.
"""
_ABOUT_FILES = """\
No column refers to a row of the catalog: layers and images are identified by their digests.
"""


def page() -> str:
    """Return the page of the SQL schema."""
    parts = ["# SQL schema", _ABOUT, "## Catalog\n", *_tables(schema)]
    parts += ["## Index of files\n", _ABOUT_FILES, *_tables(file_tables)]
    text = "\n".join(parts).rstrip()
    return f"{text}\n"


def _tables(module: ModuleType) -> Iterator[str]:
    tree = ast.parse(Path(module.__file__ or "").read_text())
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    columns_of = dict(_columns_of_tables(tree))
    for table in sorted(module.metadata.tables.values(), key=lambda each: each.name):
        yield f"### {table.name}\n"
        yield from _table(table, classes[columns_of[table.name]])


def _columns_of_tables(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the name of each table and of the class of its columns."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Table":
            name, _, columns = node.args[:3]
            yield ast.literal_eval(name), ast.unparse(columns)


def _table(table: Table, source: ast.ClassDef) -> Iterator[str]:
    text = ast.get_docstring(source) or ""
    yield f"{' '.join(text.split())}\n"
    meanings = dict(_meanings(source))
    rows = [_row(column, meanings.get(column.name, "")) for column in table.columns]
    head = ["| column | type | key | meaning |", "| --- | --- | --- | --- |"]
    yield "\n".join([*head, *rows]) + "\n"
    indexes = sorted(
        f"`{index.name}` ({', '.join(column.name for column in index.columns)})"
        for index in table.indexes
    )
    if indexes:
        yield f"Indexes: {', '.join(indexes)}.\n"


def _row(column: Column[object], meaning: str) -> str:
    kind = column.type.compile(dialect=sqlite.dialect())
    nullable = "" if not column.nullable else ", or NULL"
    keys = ["primary key"] if column.primary_key else []
    keys += ["unique"] if column.unique else []
    keys += [f"references `{key.target_fullname}`" for key in column.foreign_keys]
    return f"| `{column.name}` | {kind}{nullable} | {', '.join(keys)} | {meaning} |"


def _meanings(source: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Yield the name of each column with its docstring and the codes that it may hold."""
    for node, following in pairwise([*source.body, None]):
        if not isinstance(node, (ast.Assign, ast.AnnAssign)):
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        texts = [*_docstring(following), *_codes(node)]
        yield ast.unparse(target), " ".join(texts)


def _docstring(node: ast.stmt | None) -> Iterator[str]:
    match node:
        case ast.Expr(ast.Constant(str(text))):
            yield " ".join(text.split()).replace("``", "`")


def _codes(node: ast.stmt) -> Iterator[str]:
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "domains.of_codes":
            codes = getattr(enums, ast.unparse(call.args[0]))
            yield ", ".join(f"{int(code)} {code.name.lower()}" for code in codes) + "."
