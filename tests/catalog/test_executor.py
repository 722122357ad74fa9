"""What is compiled ahead is what the statements compile to, and answers as they do."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.dialects import sqlite

from cachedb.cache import Cache
from cachedb.catalog import compiled
from cachedb.catalog.connect import Catalog
from cachedb.catalog.executor import Connection
from cachedb.catalog.queries.definition import DEFINITIONS
from cachedb.catalog.statement import Insert, Named, Rows, Scalars, many
from scripts import compile_statements
from tests import build, golden_files

HANDLES = compile_statements.handles()
FOLDER = Path(compiled.__file__).parent
VALUES: dict[str, Any] = {
    "key": "fingerprint",
    "value": "a value",
    "ids": many([1, 2]),
    "names": many(["example.com/app:1", "no such name"]),
    "registry": "example.com",
    "repo": "app",
    "tag": "1",
    "low": "sha256:0",
    "high": "sha256:g",
    "blob_id": 1,
    "targets": many(range(50)),
    "parents": many(range(50)),
}
"""A value for every parameter: the name of a parameter means the same in every statement."""
OTHER_VALUES: dict[str, dict[str, Any]] = {"state.record": {"key": "a new key"}}
"""Scalars of statements that fail, or show nothing, with those above."""


def named(handles: list[Named]) -> Any:
    return pytest.mark.parametrize("handle", handles, ids=[each.name for each in handles])


@pytest.mark.parametrize("name", list(compile_statements.files()))
def test_golden_compiled_files_are_what_the_statements_compile_to(name: str) -> None:
    golden_files.check(name, compile_statements.files()[name], FOLDER)


def test_every_handle_has_one_definition_and_every_definition_a_handle() -> None:
    assert {each.name for each in HANDLES} == DEFINITIONS.keys()


@named([each for each in HANDLES if isinstance(each, (Rows, Scalars))])
def test_columns_are_the_fields_of_the_row(handle: Rows[Any] | Scalars[Any]) -> None:
    statement: Any = DEFINITIONS[handle.name][1]()
    columns = [column.name for column in statement.selected_columns]
    if isinstance(handle, Rows):
        assert columns == list(handle.row._fields)
    else:
        assert len(columns) == 1


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """A catalog with rows in the tables that most statements are about."""
    image = build.image()
    tree = build.layout(
        tmp_path_factory.mktemp("executor") / "cache",
        {"example.com/app:1": build.multi_platform(), "example.com/tool:2": image},
    )
    with Cache.open(tree.path) as cache:
        return cache.catalog


@named(HANDLES)
def test_a_compiled_text_answers_as_its_statement(catalog: Catalog, handle: Named) -> None:
    if isinstance(handle, Insert):
        pytest.fail("an insert of rows is shown by the test of its rows")
    statement: Any = DEFINITIONS[handle.name][1]()
    with catalog.writing() as connection:
        text = compiled.statements("sqlite")[handle.name]
        connection.driver.execute("SAVEPOINT before")
        values = VALUES | OTHER_VALUES.get(handle.name, {})
        expected = run(connection, statement, values)
        connection.driver.execute("ROLLBACK TO before")
        cursor = connection.driver.execute(text, values)
        assert (cursor.fetchall(), cursor.rowcount) == expected
        connection.driver.execute("ROLLBACK TO before")


def run(
    connection: Connection, statement: Any, given: dict[str, Any]
) -> tuple[list[tuple[Any, ...]], int]:
    """Run a statement by SQLAlchemy; return its rows, and how many it has changed."""
    needed = statement.compile(dialect=sqlite.dialect()).params
    values = {name: given[name] for name in needed if name in given}
    result = connection.execute(statement, values)
    if result.returns_rows:
        return [tuple(row) for row in result], -1
    return [], result.rowcount
