"""Values out of range: every column has a domain, and `doctor` finds what is outside of it."""

import sqlite3
import time

import pytest
from sqlalchemy import Integer

from cachedb.cache import Cache
from cachedb.catalog.domains import ANY, DOMAIN, Domain
from cachedb.catalog.schema import metadata
from cachedb.operations.check.findings import Code, Finding
from tests import build
from tests.conftest import APP

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
    "lease_item": "INSERT INTO lease_item VALUES ('l', 'sha256:' || hex(zeroblob(32)))",
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


def change(tree: build.Tree, *statements: str, values: tuple[object, ...] = ()) -> None:
    connection = sqlite3.connect(tree.path / ".cachedb" / "index.db")
    with connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for statement in statements:
            connection.execute(statement, values if "?" in statement else ())
    connection.close()


def damage(tree: build.Tree) -> list[Finding]:
    found = Cache.examine(tree.path)
    return [each for each in found if each.code is Code.CATALOG_DAMAGED]


@pytest.fixture
def opened(populated: build.Tree) -> build.Tree:
    with Cache.open(populated.path) as cache:
        cache.list()
    return populated


@pytest.mark.parametrize(
    ("table", "column", "domain"),
    [each for each in COLUMNS if each[2] not in {None, ANY}],
    ids=[f"{table}.{column}" for table, column, domain in COLUMNS if domain not in {None, ANY}],
)
def test_doctor_finds_a_value_out_of_range_and_a_rebuild_removes_it(
    opened: build.Tree, table: str, column: str, domain: Domain
) -> None:
    rows = [_ROW[name] for name in ("lease", "lease_item") if table in ("lease", "lease_item")]
    rows = rows or [_ROW[table]] if table in _ROW else []
    change(opened, *rows)
    assert damage(opened) == []
    key = _KEYS.get(table, "id")
    for value in outside(domain):
        first = f"SELECT min({key}) FROM {table}"
        text = f"UPDATE {table} SET {column} = ? WHERE {key} = ({first})"
        change(opened, text, values=(value,))
        found = damage(opened)
        assert found, value
        assert any(str(value) in each.detail for each in found)
    Cache.rebuild(opened.path)
    assert damage(opened) == []
    with Cache.open(opened.path) as cache:
        assert cache.find_root("example.com/app:1").digest == APP.digest


def test_doctor_finds_a_lease_of_another_host_far_in_the_future(opened: build.Tree) -> None:
    day, now = 86_400_000_000, time.time_ns() // 1000
    change(opened, f"INSERT INTO lease VALUES ('near', 'elsewhere', 1, {now}, {now + day})")
    codes = [each.code for each in Cache.examine(opened.path)]
    assert Code.LEASE_OVERLONG not in codes
    change(opened, f"INSERT INTO lease VALUES ('far', 'elsewhere', 1, {now}, {now + 365 * day})")
    (found,) = (e for e in Cache.examine(opened.path) if e.code is Code.LEASE_OVERLONG)
    assert "'far' of host 'elsewhere'" in found.detail
    assert found.hint == "cachedb doctor --rebuild"
    Cache.rebuild(opened.path)
    assert Code.LEASE_OVERLONG not in [each.code for each in Cache.examine(opened.path)]
    connection = sqlite3.connect(opened.path / ".cachedb" / "index.db")
    assert connection.execute("SELECT id FROM lease").fetchall() == [("near",)]
    connection.close()
