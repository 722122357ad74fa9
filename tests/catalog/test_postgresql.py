"""PostgreSQL takes every compiled statement on the compiled tables."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachedb.catalog import compiled
from cachedb.catalog.server.address import ServerAddress
from cachedb.catalog.server.catalog import ServerCatalog
from cachedb.catalog.statement import Insert, many
from scripts import compile_statements
from tests import golden_files
from tests.postgresql import Server, numbered, run

if TYPE_CHECKING:
    from cachedb.catalog.executor import Bound, Connection

WHOLE = {
    # The index of a text from outside is one of hashes, which has no order.
    "blobs.of_digests": {"blob"},
    "completion.blob_digest": {"blob"},
    "completion.package_name": {"package"},
    "completion.ref_name": {"ref"},
    "completion.ref_repo": {"ref"},
    "completion.ref_repo_of_registry": {"ref"},
    "refs.names": {"ref"},
    "refs.of_shared_names": {"ref"},
    # One row of each name, of whichever image.
    "garbage.kept_besides": {"ref"},
    # When pins change.
    "user_state.clear_pinned": {"blob"},
    "user_state.mark_pinned": {"blob", "ref"},
}
"""Large tables that a statement reads as a whole in PostgreSQL, and by an index in SQLite."""


def prepare(server: Server) -> None:
    """Let a server prepare every compiled statement on the compiled tables."""
    lines = ["CREATE SCHEMA prepared; SET search_path = prepared;"]
    lines += [f"{text};" for _, _, text in compiled.tables("postgresql")]
    lines += [f"{text};" for _, _, text in compiled.file_tables("postgresql")]
    statements = compiled.statements("postgresql")
    lines += [f'PREPARE "{name}" AS {numbered(text)};' for name, text in statements.items()]

    done = run(
        "psql", "-h", str(server.folder), "-U", "postgres", "-v", "ON_ERROR_STOP=1",
        "-c", "\n".join(lines),
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PREPARE") == len(statements)


def test_postgresql_prepares_every_statement(server: Server) -> None:
    prepare(server)


LISTS = (
    st.lists(st.integers(-(2**63), 2**63 - 1))
    | st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
    | st.lists(st.text('ab"\\/\x7f é{}, \n') | st.just("NULL"))
)


@settings(max_examples=300, deadline=None)
@given(LISTS)
def test_a_bound_list_is_an_array(connection: "Connection", values: list[int] | list[str]) -> None:
    kind = "BIGINT" if {*map(type, values)} == {int} else "TEXT"
    found = connection.run(f"SELECT CAST(%s AS {kind}[])", (many(values),))
    assert list(found) == [(values,)]


def test_a_text_that_no_row_can_hold_is_like_no_row(connection: "Connection") -> None:
    listed = many(["a", "b\0", "\ud800", "\0", "é"])
    assert list(connection.run("SELECT CAST(%s AS TEXT[])", (listed,))) == [(["a", "é"],)]


LARGE = frozenset(
    {"annotation", "blob", "blob_package", "config", "edge", "entry", "env", "label", "link"}
    | {"link_annotation", "package", "path", "ref", "ref_annotation", "repository_blob", "sbom"}
)
"""Tables that grow with the cache."""
PLANS = "postgresql_plans.txt"


def scans(plan: dict[str, Any]) -> Iterator[str]:
    """Yield what a plan reads: each table, and the index by which it is found."""
    table = plan.get("Relation Name")
    if plan["Node Type"] in {"Index Scan", "Index Only Scan"}:
        yield f"{table} by {plan['Index Name']}"
    elif plan["Node Type"] == "Bitmap Index Scan":
        yield f"by {plan['Index Name']}"
    elif plan["Node Type"] == "Seq Scan":
        yield f"every row of {table}"
    for child in plan.get("Plans", ()):
        yield from scans(child)


def sample_values(text: str) -> "dict[str, Bound]":
    """Return a value for each parameter of a statement, of the type that it is cast to."""
    found: dict[str, Bound] = {}
    samples: dict[str, Bound] = {
        "BIGINT[]": many([1]), "TEXT[]": many(["1"]), "JSON": '["1"]', "BIGINT": 1, "INTEGER": 1
    }  # fmt: skip
    for name, kind in re.findall(r"%\((\w+)\)s(?:::|\s+AS\s+)(\w+(?:\[\])?)", text):
        found[name] = samples.get(kind, "text")
    for name in re.findall(r"%\((\w+)\)s", text):
        found.setdefault(name, None)
    return found


@pytest.fixture(scope="module")
def connection(server: Server) -> "Iterator[Connection]":
    """A transaction in an empty catalog."""
    address = ServerAddress.parse(server.fresh())
    catalog = ServerCatalog.connect(address, str(address.cache))
    with catalog.reading() as found:
        yield found
    catalog.close()


@pytest.fixture(scope="module")
def plans(server: Server) -> dict[str, list[str]]:
    """What each statement reads when the server takes an index wherever it can."""
    address = ServerAddress.parse(server.fresh())
    catalog = ServerCatalog.connect(address, str(address.cache))
    found = {}
    try:
        for handle in compile_statements.handles():
            if isinstance(handle, Insert):
                continue
            text = compiled.statements("postgresql")[handle.name]
            values = sample_values(text)
            with catalog.writing_files() as connection:
                for name in ("seqscan", "mergejoin", "hashjoin"):
                    connection.run(f"SET LOCAL enable_{name} = off")
                ((made,),) = connection.run(f"EXPLAIN (FORMAT JSON, COSTS OFF) {text}", values)
            found[handle.name] = sorted(set(scans(json.loads(made)[0]["Plan"])))
    finally:
        catalog.close()
    return found


@pytest.mark.campaign
def test_golden_plans_of_postgresql_are_reviewed(
    server: Server, plans: dict[str, list[str]]
) -> None:
    lines = ["What the named statements read in PostgreSQL 15, by an index wherever one helps.\n"]
    for name, found in plans.items():
        lines += [f"\n{name}\n", *(f"  {each}\n" for each in found)]
    if server.psql("SHOW server_version_num").startswith("15"):
        golden_files.check(PLANS, "".join(lines), Path(compiled.__file__).parent)
    assert len(plans) > 100


def test_statements_read_every_row_of_a_large_table_only_where_listed(
    server: Server, plans: dict[str, list[str]]
) -> None:
    if not server.psql("SHOW server_version_num").startswith("15"):
        pytest.skip("the plans of PostgreSQL 15 are those that were reviewed")
    in_sqlite = (Path(compiled.__file__).parent / "sqlite_plans.txt").read_text()
    known = {part.partition("\n")[0]: part for part in in_sqlite.split("\n\n")}
    found = {
        name: {
            table
            for table in LARGE
            if f"every row of {table}" in scanned
            and not re.search(rf"SCAN {table}\b", known[name])
        }
        for name, scanned in plans.items()
    }
    assert {name: tables for name, tables in found.items() if tables} == WHOLE
