"""What the named statements read in PostgreSQL when tables have many rows, and statistics."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Column, LargeBinary, Text

from cachedb.catalog import compiled
from cachedb.catalog.executor import Connection
from cachedb.catalog.schema import file_tables, metadata
from cachedb.catalog.server.address import ServerAddress
from cachedb.catalog.server.catalog import ServerCatalog
from cachedb.catalog.statement import Insert, Named
from scripts import compile_statements
from tests.catalog.test_executor import OTHER_VALUES, VALUES
from tests.catalog.test_postgresql import LARGE, sample_values, scans
from tests.postgresql import Server

if TYPE_CHECKING:
    from cachedb.catalog.executor import Bound

ROWS = 20_000
"""Rows of each large table: fewer than a sample of ANALYZE has, so that plans do not vary."""

WHOLE: dict[str, dict[str, set[str]]] = {
    "all rows are wanted": {
        "column_checks.digests": {"blob"},
        "column_checks.out_of_range": {"blob", "config", "link", "ref", "repository_blob", "sbom"},
        "derived_rows.blobs": {"blob"},
        "derived_rows.edges": {"edge"},
        "derived_rows.links": {"link"},
        "derived_rows.refs": {"ref"},
        "files.coverage": {"blob", "ref"},
        "files.delete_unused_paths": {"entry", "path"},
        "garbage.created": {"config"},
        "garbage.retained": {"ref"},
        "refs.all": {"blob", "ref", "ref_annotation"},
        "refs.by_name": {"blob", "ref"},
        "refs.digests": {"blob", "ref"},
        "refs.names": {"ref"},
        "reports.created": {"config"},
        "reports.details": {"blob", "ref"},
        "reports.faulty": {"blob", "link", "ref"},
        "reports.media_types": {"blob"},
        "sbom_rows.unreadable": {"sbom"},
        "sboms.coverage": {"blob", "blob_package", "edge", "ref", "sbom"},
        "stored_blobs.files": {"blob"},
        "stored_refs.all": {"ref"},
        "usage.files": {"blob"},
        "usage.names": {"blob", "ref"},
        "usage.on_disk": {"blob"},
        "user_state.hashed": {"blob"},
        "user_state.names": {"blob", "ref"},
        "user_state.repositories": {"blob", "repository_blob"},
        "validation.misdeclared_refs": {"blob", "ref"},
    },
    "a walk from all names, or from all but some": {
        "blobs.reachable_without_file": {"edge", "ref"},
        "blobs.referenced": {"edge", "ref"},
        "blobs.subjects_of_refs": {"edge", "link", "ref"},
        "garbage.kept": {"edge", "ref"},
        "garbage.reachable": {"edge", "ref"},
        "garbage.unreachable": {"blob", "edge", "ref"},
        "garbage.unreadable": {"edge", "ref"},
        "usage.referenced": {"edge", "ref"},
        "validation.misdeclared_referenced": {"blob", "edge", "link", "ref"},
        "verification.missing": {"edge", "ref"},
    },
    "a walk that the server estimates to find thousands": {
        "blobs.sizes": {"blob"},
        "garbage.exclusive": {"edge"},
        "garbage.kept_besides": {"edge", "ref"},
        "refs.tagged_after": {"edge"},
        "usage.freed": {"edge"},
    },
    "a text from outside by its beginning, or in order: its index is a hash, which has no order": {
        "blobs.of_digests": {"blob"},
        "completion.annotation_key": {"annotation"},
        "completion.annotation_value_of_key": {"annotation"},
        "completion.blob_artifact_type": {"blob"},
        "completion.blob_digest": {"blob"},
        "completion.blob_media_type": {"blob"},
        "completion.config_entrypoint": {"config"},
        "completion.env_key": {"env"},
        "completion.env_value_of_key": {"env"},
        "completion.label_key": {"label"},
        "completion.label_value_of_key": {"label"},
        "completion.link_annotation_key": {"link_annotation"},
        "completion.link_annotation_value_of_key": {"link_annotation"},
        "completion.link_artifact_type": {"link"},
        "completion.link_media_type": {"link"},
        "completion.package_license": {"package"},
        "completion.package_name": {"package"},
        "completion.package_purl": {"package"},
        "completion.package_type": {"package"},
        "completion.package_version": {"package"},
        "completion.ref_annotation_key": {"ref_annotation"},
        "completion.ref_annotation_value_of_key": {"ref_annotation"},
        "completion.ref_name": {"ref"},
        "completion.ref_origin": {"ref"},
        "completion.ref_registry": {"ref"},
        "completion.ref_repo": {"ref"},
        "completion.ref_repo_of_registry": {"ref"},
        "completion.ref_tag": {"ref"},
        "refs.of_digests": {"blob", "ref", "ref_annotation"},
        "refs.of_shared_names": {"blob", "ref", "ref_annotation"},
    },
    "tags have no index, and kinds of entries are few": {
        "refs.tagged": {"ref"},
        "sbom_rows.all_ids": {"link_annotation", "ref", "ref_annotation", "sbom"},
        "sbom_rows.describing": {"ref", "ref_annotation"},
        "sbom_rows.near": {"ref"},
        "stored_refs.attachable": {"blob", "ref", "ref_annotation"},
    },
    "positions have no index: most move when one is inserted": {
        "stored_refs.between": {"ref"},
        "stored_refs.shift": {"ref"},
    },
    "pins change seldom, and are compared by name or by target": {
        "refs.pinned": {"ref"},
        "user_state.clear_pinned": {"ref", "ref_annotation"},
        "user_state.mark_pinned": {"ref"},
    },
}
"""Large tables that a statement reads as a whole, by the reason."""
_RARE = "CASE n % 100 WHEN 0 THEN {} ELSE {} END"
_TEXTS = {
    "digest": "'sha256:' || encode(sha256(n::TEXT::BYTEA), 'hex')",
    "name": "'example.com/app-' || n || ':v1'",
    "repo": "'app-' || n",
    "key": "'key ' || n % 50",
    "media_type": "'media type ' || n % 10",
    "artifact_type": _RARE.format("'artifact type'", "NULL"),
    "problem": _RARE.format("'a problem'", "NULL"),
}
_NUMBERS = {
    "state": _RARE.format("n / 100 % 5", "1"),
    "kind": "n % 6",
    "role": _RARE.format("4", "1 + n % 3"),
    "pinned": _RARE.format("1", "0"),
    "parsed": "n % 4",
    "embedded": "0",
    "parent_id": "n / 8",
}


def value(column: Column[Any]) -> str:
    """Write a value of the row `n` in SQL."""
    if isinstance(column.type, LargeBinary):
        return "'\\x00'::BYTEA"
    if isinstance(column.type, Text):
        return _TEXTS.get(column.name, f"'{column.name} ' || n")
    return _NUMBERS.get(column.name, "n")


def fill(connection: Connection) -> None:
    """Write rows into every large table; row n refers to row n, and a document to 8 others."""
    connection.run("SET LOCAL session_replication_role = replica")
    for table in (*metadata.sorted_tables, *file_tables.metadata.sorted_tables):
        if table.name in LARGE:
            names = ", ".join(f'"{column.name}"' for column in table.c)
            values = ", ".join(map(value, table.c))
            rows = f"SELECT {values} FROM generate_series(1, {ROWS}) AS n"
            connection.driver.execute(f"INSERT INTO {table.name} ({names}) {rows}")
    connection.run("ANALYZE")


def values_of(name: str, text: str) -> "dict[str, Bound]":
    known = VALUES | OTHER_VALUES.get(name, {})
    if name.startswith("files."):
        known |= {"low": 1, "high": 100}
    return {key: known.get(key, value) for key, value in sample_values(text).items()}


@pytest.fixture(scope="module")
def filled(server: Server) -> Iterator[ServerCatalog]:
    """A catalog whose large tables have rows."""
    address = ServerAddress.parse(server.fresh())
    catalog = ServerCatalog.connect(address, str(address.cache))
    with catalog.writing_files() as connection:
        fill(connection)
    yield catalog
    catalog.close()


def read_as_a_whole(catalog: ServerCatalog, handle: Named) -> set[str]:
    """Return the large tables of which a statement reads every row."""
    text = compiled.statements("postgresql")[handle.name]
    with catalog.writing_files() as connection:
        values = values_of(handle.name, text)
        ((made,),) = connection.run(f"EXPLAIN (FORMAT JSON, COSTS OFF) {text}", values)
    return {
        table
        for table in LARGE
        if f"every row of {table}" in set(scans(json.loads(made)[0]["Plan"]))
    }


def test_statements_read_every_row_of_a_filled_table_only_for_a_listed_reason(
    server: Server, filled: ServerCatalog
) -> None:
    if not server.psql("SHOW server_version_num").startswith("15"):
        pytest.skip("the plans of PostgreSQL 15 are those that were reviewed")
    found = {
        handle.name: tables
        for handle in compile_statements.handles()
        if not isinstance(handle, Insert) and (tables := read_as_a_whole(filled, handle))
    }
    listed = {name: tables for each in WHOLE.values() for name, tables in each.items()}
    assert found == listed
