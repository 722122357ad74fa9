"""Values out of range: every column has a domain, and `doctor` finds what is outside of it."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import Integer

from cachedb.cache import Cache
from cachedb.catalog.domains import ANY, DOMAIN, Domain
from cachedb.catalog.schema import metadata
from cachedb.catalog.server.address import ServerAddress
from cachedb.operations.check.findings import Code, Finding
from tests import backends, build
from tests.conftest import APP
from tests.postgresql import Server

COLUMNS = [
    (table.name, column.name, column.info.get(DOMAIN))
    for table in metadata.sorted_tables
    for column in table.columns
    if isinstance(column.type, Integer) or DOMAIN in column.info
    if not column.foreign_keys and (not column.primary_key or DOMAIN in column.info)
]
_KEYS = {
    "config": "blob_id",
    "sbom": "document_id",
    "lease_item": "lease_id",
    "repository_blob": "blob_id",
}
_ROW = {
    "lease": "INSERT INTO lease VALUES ('l', 'elsewhere', 1, 1, 1)",
    "lease_item": "INSERT INTO lease_item VALUES ('l', 'sha256:" + "0" * 64 + "')",
    "repository_blob": "INSERT INTO repository_blob SELECT id, 'a.example/b', 1 FROM blob LIMIT 1",
    "sbom": "INSERT INTO sbom SELECT id, '', '', 1, NULL FROM blob LIMIT 1",
}


def test_every_column_of_integers_that_is_no_key_has_a_domain() -> None:
    assert [f"{table}.{column}" for table, column, domain in COLUMNS if domain is None] == []


def outside(domain: Domain) -> list[int | str]:
    if domain.is_digest:
        return ["x", "sha256:zz", "sha256:"]
    if domain.words:
        return ["", domain.words[0].upper()]
    values = [domain.low - 1, domain.high + 1, -(2**63), 2**63 - 1]
    return [value for value in values if -(2**63) <= value < 2**63 and not domain.holds(value)]


class Outside:
    """Another program that writes the rows of a catalog, and doctor after it."""

    def __init__(self, tree: build.Tree, server: Server | None) -> None:
        self.tree = tree
        self._server = server
        """None where the catalog is a file of SQLite."""

    def change(self, *statements: str, values: tuple[object, ...] = ()) -> None:
        """Run statements without a check of keys; all but those with a parameter have no values.

        Raises:
            NumericValueOutOfRange: A server refuses the value for the type of its column.
        """
        with self._connected() as (connection, mark):
            for statement in statements:
                given = values if "?" in statement else ()
                connection.execute(statement.replace("?", mark), given)

    def select(self, statement: str) -> list[tuple[Any, ...]]:
        with self._connected() as (connection, _):
            found: list[tuple[Any, ...]] = connection.execute(statement).fetchall()
        return found

    @contextmanager
    def _connected(self) -> Iterator[tuple[Any, str]]:
        if self._server is None:
            with closing(sqlite3.connect(self.tree.path / ".cachedb" / "index.db")) as file, file:
                file.execute("PRAGMA foreign_keys = OFF")
                yield file, "?"
            return
        schema = (self.tree.path / ".cachedb" / "cache-id").read_text().strip()
        with psycopg.connect(ServerAddress.parse(self._server.url()).url) as driver:
            driver.execute(f'SET search_path = "{schema}"'.encode())
            driver.execute("SET session_replication_role = replica")
            yield driver, "%s"

    def examine(self) -> list[Finding]:
        return list(Cache.examine(self.tree.path))

    def damage(self) -> list[Finding]:
        return [each for each in self.examine() if each.code is Code.CATALOG_DAMAGED]

    def rebuild(self) -> None:
        Cache.rebuild(self.tree.path)


@pytest.fixture
def opened(backend: str, populated: build.Tree, request: pytest.FixtureRequest) -> Outside:
    with Cache.open(populated.path) as cache:
        cache.list()
    is_file = backend == backends.SQLITE
    return Outside(populated, None if is_file else request.getfixturevalue("server"))


@pytest.mark.parametrize(
    ("table", "column", "domain"),
    [each for each in COLUMNS if each[2] not in {None, ANY}],
    ids=[f"{table}.{column}" for table, column, domain in COLUMNS if domain not in {None, ANY}],
)
def test_doctor_finds_a_value_out_of_range_and_a_rebuild_removes_it(
    opened: Outside, table: str, column: str, domain: Domain
) -> None:
    rows = [_ROW[name] for name in ("lease", "lease_item") if table in ("lease", "lease_item")]
    rows = rows or [_ROW[table]] if table in _ROW else []
    opened.change(*rows)
    assert opened.damage() == []
    key = _KEYS.get(table, "id")
    for value in outside(domain):
        first = f"SELECT min({key}) FROM {table}"
        text = f"UPDATE {table} SET {column} = ? WHERE {key} = ({first})"
        try:
            opened.change(text, values=(value,))
        except errors.NumericValueOutOfRange:
            continue
        found = opened.damage()
        assert found, value
        assert any(str(value) in each.detail for each in found)
    opened.rebuild()
    assert opened.damage() == []
    with Cache.open(opened.tree.path) as cache:
        assert cache.find_root("example.com/app:1").digest == APP.digest


def test_doctor_finds_a_lease_of_another_host_far_in_the_future(opened: Outside) -> None:
    day, now = 86_400_000_000, time.time_ns() // 1000
    opened.change(f"INSERT INTO lease VALUES ('near', 'elsewhere', 1, {now}, {now + day})")
    codes = [each.code for each in opened.examine()]
    assert Code.LEASE_OVERLONG not in codes
    opened.change(f"INSERT INTO lease VALUES ('far', 'elsewhere', 1, {now}, {now + 365 * day})")
    (found,) = (e for e in opened.examine() if e.code is Code.LEASE_OVERLONG)
    assert "'far' of host 'elsewhere'" in found.detail
    assert found.hint == "cachedb doctor --rebuild"
    opened.rebuild()
    assert Code.LEASE_OVERLONG not in [each.code for each in opened.examine()]
    assert opened.select("SELECT id FROM lease") == [("near",)]
