"""Rows of packages: each once, gone with the last who names it, found by an index."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from cachedb.catalog.connect import Catalog
from cachedb.catalog.enums import State
from cachedb.catalog.index import packages, sboms
from cachedb.catalog.index.packages import PackedPackages
from cachedb.catalog.schema import blob, blob_package, package, sbom
from cachedb.catalog.statements import sboms as statements
from cachedb.errors import LimitExceeded
from cachedb.limits import Limit
from cachedb.packages.package import Package
from tests.sql import on

FIRST, SECOND, DOCUMENT, OTHER = 1, 2, 3, 4


@pytest.fixture
def connection(catalog: Catalog) -> Iterator[Connection]:
    """A catalog with four blobs, inside a transaction."""
    with catalog.writing() as opened:
        on(opened).execute(insert(blob), [_blob(key) for key in (FIRST, SECOND, DOCUMENT, OTHER)])
        yield opened


def _blob(key: int) -> dict[str, Any]:
    return {
        "id": key, "digest": f"sha256:{key:064}", "size": 1, "kind": 0,
        "state": int(State.PRESENT), "media_type": "", "parsed": 0, "touched": 1,
    }  # fmt: skip


def packed(*names: str, version: str = "1") -> PackedPackages:
    found = PackedPackages()
    for name in names:
        found.add(Package(name=name, version=version))
    return found


def entries(connection: Connection) -> set[tuple[int, str, int]]:
    rows = select(blob_package.c.blob_id, package.c.name, blob_package.c.document_id)
    return {
        (row[0], row[1], row[2])
        for row in on(connection).execute(
            rows.join(package, package.c.id == blob_package.c.package_id)
        )
    }


def names(connection: Connection) -> list[str]:
    return list(on(connection).scalars(select(package.c.name).order_by(package.c.name)))


def test_a_package_that_two_documents_name_has_one_row(connection: Connection) -> None:
    packages.enter(connection, [(DOCUMENT, {FIRST, SECOND}, packed("a", "b"))])
    packages.enter(connection, [(OTHER, {FIRST}, packed("b", "c"))])
    assert names(connection) == ["a", "b", "c"]
    assert entries(connection) == {
        (FIRST, "a", DOCUMENT), (FIRST, "b", DOCUMENT), (SECOND, "a", DOCUMENT),
        (SECOND, "b", DOCUMENT), (FIRST, "b", OTHER), (FIRST, "c", OTHER),
    }  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"version": "2"}, id="version"),
        pytest.param({"purl": "pkg:deb/a@1"}, id="purl"),
        pytest.param({"license": "MIT"}, id="license"),
        pytest.param({"scheme": "rpm"}, id="scheme"),
        pytest.param({"type": "npm"}, id="type"),
        pytest.param({"name": "A"}, id="name"),
    ],
)
def test_packages_that_differ_in_anything_are_two(
    connection: Connection, changes: dict[str, str]
) -> None:
    listed = packed("a")
    listed.add(Package(**({"name": "a", "version": "1"} | changes)))
    packages.enter(connection, [(DOCUMENT, {FIRST}, listed)])
    assert len(names(connection)) == len(listed) == 2


def test_what_a_package_says_is_kept_to_the_letter(connection: Connection) -> None:
    odd = Package(
        name="ünï/✓\n\x01", version="1:2~\u2028", purl="pkg:x/%00", license="A OR (B)", type="x",
        scheme="deb",
    )  # fmt: skip
    listed = PackedPackages()
    listed.add(odd)
    packages.enter(connection, [(DOCUMENT, {FIRST}, listed)])
    row = on(connection).execute(select(package)).one()
    found = (row.name, row.version, row.purl, row.license, row.type, row.scheme, row.vkey)
    assert found == (
        odd.name, odd.version, odd.purl, odd.license, odd.type, odd.scheme, odd.vkey,
    )  # fmt: skip


def test_a_package_goes_with_the_last_who_names_it(connection: Connection) -> None:
    packages.enter(connection, [(DOCUMENT, {FIRST}, packed("a", "b"))])
    packages.enter(connection, [(OTHER, {FIRST}, packed("b", "c"))])
    packages.withdraw_by(connection, [DOCUMENT])
    assert names(connection) == ["b", "c"]
    packages.withdraw_by(connection, [OTHER])
    assert names(connection) == []


def test_many_portions_come_to_the_same(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "PORTION", 3)
    many = [f"p{number}" for number in range(10)]
    packages.enter(connection, [(DOCUMENT, {FIRST, SECOND}, packed(*many))])
    assert names(connection) == sorted(many)
    assert len(entries(connection)) == 2 * len(many)


def test_what_is_entered_already_is_left(connection: Connection) -> None:
    listed = packed("a", "b")
    packages.enter_missing(connection, DOCUMENT, [FIRST], list(listed)[:1])
    packages.enter_missing(connection, DOCUMENT, [FIRST, SECOND], list(listed))
    assert packages.counts_of(connection, DOCUMENT) == {FIRST: 2, SECOND: 2}
    assert names(connection) == ["a", "b"]


def test_a_copy_is_whole(connection: Connection) -> None:
    packages.enter(
        connection, [(DOCUMENT, {FIRST}, packed("a", "b")), (OTHER, {FIRST}, packed("c"))]
    )
    packages.copy(connection, DOCUMENT, FIRST, SECOND)
    assert {entry for entry in entries(connection) if entry[0] == SECOND} == {
        (SECOND, "a", DOCUMENT),
        (SECOND, "b", DOCUMENT),
    }


def test_one_document_keeps_so_much_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = Limit(name="sbom text bytes", variable="X", value=3 * len("a\x001\x00semver\0\0\0"))
    monkeypatch.setattr(packages, "SBOM_TEXT_BYTES", limit)
    listed = packed("a", "b", "c", "a", "b", "c")
    with pytest.raises(LimitExceeded):
        listed.add(Package(name="d", version="1"))


@pytest.mark.parametrize("is_analyzed", [False, True], ids=["fresh", "analyzed"])
def test_no_statement_looks_through_a_large_table(
    connection: Connection, is_analyzed: bool
) -> None:
    others = range(100, 300)
    on(connection).execute(insert(blob), [_blob(key) for key in others])
    on(connection).execute(
        insert(sbom),
        [
            {"document_id": k, "media_type": "", "predicate_type": "", "packages": 1}
            for k in others
        ],
    )
    if is_analyzed:
        on(connection).exec_driver_sql("ANALYZE")
    steps: set[str] = set()

    def explain(text: str) -> None:
        if not text.startswith(("EXPLAIN", "--")):
            plan = other.execute(f"EXPLAIN QUERY PLAN {text}")
            steps.update(row[-1] for row in plan)

    other = sqlite3.connect(":memory:")
    connection.driver.commit()
    connection.driver.backup(other)
    connection.driver.execute("BEGIN")
    connection.driver.set_trace_callback(explain)
    packages.enter_missing(connection, DOCUMENT, [FIRST], packed("a"))
    sboms.reconcile(connection, [FIRST, DOCUMENT])
    sboms.claims_about(connection, [FIRST])
    connection.value(statements.UNREAD)
    sboms.forget(connection, [FIRST, DOCUMENT])
    connection.driver.set_trace_callback(None)
    other.close()
    assert any("ix_blob_package_document_id" in step for step in steps)
    scanned = {step for step in steps if step.startswith("SCAN") and "VIRTUAL" not in step}
    assert scanned <= {
        "SCAN sbom USING INDEX ix_sbom_unread",
        # cosign's tags are found by how they end, which no index orders. Only the index of the
        # names is read, once for all changed blobs, and not the entries in the table.
        "SCAN tags USING COVERING INDEX ix_ref_repo_tag",
        "SCAN CONSTANT ROW",
    }
