"""What is compiled ahead is what the statements compile to, and answers as they do."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import LargeBinary, Text
from sqlalchemy.dialects import postgresql, sqlite

from cachedb.cache import Cache
from cachedb.catalog import compiled
from cachedb.catalog.connect import Catalog
from cachedb.catalog.executor import Connection
from cachedb.catalog.statement import Insert, Named, Rows, Scalars, many
from cachedb.catalog.statements.index import file_entries
from scripts import compile_statements
from tests import build, golden_files

IMAGE = build.image()
HANDLES = compile_statements.handles()
DEFINITIONS = compile_statements.definitions()
DIALECTS: dict[str, Any] = {
    "sqlite": sqlite.dialect(paramstyle="named"),
    "postgresql": postgresql.dialect(paramstyle="pyformat"),
}
PLANS = "sqlite_plans.txt"
MANY_ROWS = 20
"""Rows that are inserted by COPY in a server, not one by one."""
FOLDER = Path(compiled.__file__).parent
VALUES: dict[str, Any] = {
    "key": "fingerprint",
    "first": 0,
    "end": 1,
    "start": 0,
    "by": 1,
    "keys": many(["example.com/app:1"]),
    "annotation": "io.cachedb.pin",
    "value": "a value",
    "ids": many([1, 2]),
    "refs": many([1]),
    "without": many([1]),
    "names": many(["example.com/app:1", "no such name"]),
    "registry": "example.com",
    "repo": "app",
    "tag": "1",
    "tags": many(["1", "2"]),
    "digest": IMAGE.digest,
    "digests": many([IMAGE.digest, IMAGE.blobs[0].digest]),
    "low": "sha256:0",
    "high": "sha256:g",
    "most": 100,
    "blob_id": 1,
    "moment": 1_700_000_000_000_000,
    "problem": "its bytes are wrong",
    "targets": many(range(50)),
    "parents": many(range(50)),
    "row_id": 1,
    "parent": 1,
    "child": 2,
    "position": 7,
    "lease_id": "a lease",
    "lease_ids": many(["a lease"]),
    "host": "a host",
    "repository": "example.com/app",
    "now": 1,
    "paths": many(["", "/etc"]),
    "document_id": 2,
    "target_id": 1,
    "source_id": 1,
    "packages": 3,
    "size": 1,
    "kind": 0,
    "state": 1,
    "media_type": "",
    "artifact_type": None,
    "platform_id": None,
    "parsed": 0,
    "touched": 1,
    "verified": 1,
    "entry": "{}",
    "name": "example.com/app:1",
    "pinned": 0,
    "added": 1,
    "pulled": 1,
    "used": None,
    "source": "pull",
    "origin": "example.com/app:1",
    "image": 1,
}
"""A value for every parameter: the name of a parameter means the same in every statement."""
_ENTRIES_OF_EVERY_LAYER = {"low": 0, "high": 1 << 62}
OTHER_VALUES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(
        (
            "files.entries",
            "files.xattrs",
            "files.delete_entries",
            "files.delete_targets",
            "files.delete_xattrs",
        ),
        _ENTRIES_OF_EVERY_LAYER,
    ),
    "files.differences": {
        "before": 1,
        "after": 2,
        "before_layers": many([1]),
        "after_layers": many([2]),
        "shared": many([3]),
    },
    "state.record": {"key": "a new key"},
    "package_rows.look_up": {"packages": '[[0, "a", "1", "deb", "", "", ""]]'},
}
"""Scalars of statements that fail, or show nothing, with those above."""


def named(handles: list[Named]) -> Any:
    return pytest.mark.parametrize("handle", handles, ids=[each.name for each in handles])


@pytest.mark.parametrize("name", sorted({*compile_statements.FILES} - {PLANS}))
def test_golden_compiled_files_are_what_the_statements_compile_to(name: str) -> None:
    golden_files.check(name, compile_statements.content_of(name), FOLDER)


def test_golden_plans_are_those_of_the_version_of_sqlite_that_they_state() -> None:
    """Another version plans otherwise, for the same statements."""
    stored, now = (FOLDER / PLANS).read_text(), compile_statements.content_of(PLANS)
    if stored.splitlines()[0] == now.splitlines()[0]:
        golden_files.check(PLANS, now, FOLDER)
    else:
        assert statements(stored) == statements(now)


def statements(plans: str) -> list[str]:
    return [line for line in plans.splitlines()[1:] if line and not line.startswith(" ")]


def test_no_compiled_file_is_left_without_statements() -> None:
    kept = {path.name for path in FOLDER.iterdir() if path.suffix in {".sql", ".txt"}}
    # Plans of PostgreSQL need its server: tests/catalog/test_postgresql.py compares them.
    assert kept - {"postgresql_plans.txt"} == compile_statements.FILES.keys()


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
def filled(tmp_path_factory: pytest.TempPathFactory, backend: str) -> Catalog:
    """A catalog with rows in the tables that most statements are about."""
    tree = build.layout(
        tmp_path_factory.mktemp("executor") / "cache",
        {"example.com/app:1": build.multi_platform(), "example.com/tool:2": IMAGE},
    )
    with Cache.open(tree.path) as cache:
        cache.index_files()
        return cache.catalog


def made_up(kind: object, text: str, number: int) -> str | int | bytes:
    if isinstance(kind, LargeBinary):
        return text.encode()
    return text if isinstance(kind, Text) else number


@contextmanager
def undoing(catalog: Catalog) -> Iterator[Connection]:
    """Open a transaction in which rows need no parents, and undo it."""
    with pytest.raises(ZeroDivisionError), catalog.writing_files() as connection:  # noqa: PT012
        without = "PRAGMA defer_foreign_keys = ON"
        if connection.dialect == "postgresql":
            without = "SET LOCAL session_replication_role = replica"
        connection.driver.execute(without)
        yield connection
        raise ZeroDivisionError


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 100, 130])
def test_insert_writes_every_row_in_order(tmp_path: Path, count: int) -> None:
    rows = [(key, f"/{count - key}") for key in range(1, count + 1)]
    catalog = Catalog.open(tmp_path / "index.db")

    with catalog.writing_files() as connection:
        connection.insert(file_entries.ADD_ANCESTORS, iter(rows))

    with catalog.reading_files() as connection:
        stored = connection.run("SELECT id, path FROM files.ancestor ORDER BY id")
        assert [tuple(row) for row in stored] == rows


@named([each for each in HANDLES if isinstance(each, Insert)])
def test_an_insert_has_its_columns_in_order(filled: Catalog, handle: Insert) -> None:
    statement: Any = DEFINITIONS[handle.name][1]()
    columns = {column.name: column for column in statement.table.c}
    rows = [
        tuple(
            made_up(columns[name].type, f"{name} {row} {place}", 1_000_000 * row + place)
            for place, name in enumerate(handle.columns)
        )
        for row in range(1, MANY_ROWS)
    ]
    with undoing(filled) as connection:
        connection.insert(handle, rows)
        names = ", ".join(f'"{name}"' for name in handle.columns)
        found = connection.driver.execute(f"SELECT {names} FROM {statement.table.name}")
        assert {*rows} <= {*found.fetchall()}


@named([each for each in HANDLES if not isinstance(each, Insert)])
def test_a_compiled_text_returns_what_its_statement_returns(
    filled: Catalog, handle: Named
) -> None:
    statement: Any = DEFINITIONS[handle.name][1]()
    values = VALUES | OTHER_VALUES.get(handle.name, {})
    with undoing(filled) as connection:
        expected = run(connection, statement, values)
    with undoing(filled) as connection:
        text = compiled.statements(connection.dialect)[handle.name]
        cursor = connection.driver.execute(text, values)
        assert (all_of(cursor), cursor.rowcount) == expected


def run(
    connection: Connection, statement: Any, given: dict[str, Any]
) -> tuple[list[tuple[Any, ...]], int]:
    """Run a statement with every constant bound; return its rows, and how many it has changed."""
    compiled: Any = statement.compile(dialect=DIALECTS[connection.dialect])
    named = {key: given[key] for key, bound in compiled.binds.items() if not bound.unique}
    state = compiled.construct_expanded_state(named)
    text = compile_statements.in_one_schema(state.statement, connection.dialect)
    cursor = connection.driver.execute(text, state.parameters)
    return all_of(cursor), cursor.rowcount


def all_of(cursor: Any) -> list[tuple[Any, ...]]:
    return [] if cursor.description is None else cursor.fetchall()


def test_no_plan_scans_a_list_for_each_row() -> None:
    lines = compile_statements.content_of("sqlite_plans.txt").splitlines()
    first_steps = [step for line, step in pairwise(lines) if "CORRELATED" in line]
    assert first_steps
    assert not [step for step in first_steps if step.lstrip().startswith("SCAN")]


LISTS = st.lists(st.integers()) | st.lists(st.text()) | st.lists(st.text('ab"\\/\x7f é{},\0'))


@given(LISTS)
def test_a_bound_list_is_json_in_sqlite(values: list[int] | list[str]) -> None:
    assert json.loads(many(values).json) == values
    ((bound,),) = sqlite3.connect(":memory:").execute("SELECT ?", (many(values),))
    assert json.loads(bound) == values
