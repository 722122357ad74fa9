"""Catalogs in both databases: a module that uses `backend` or `catalog` runs on both each time.

The others are about one of them: files, PRAGMAs and revisions of SQLite, or a server.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.catalog.connect import Catalog
from tests import backends
from tests.catalog.databases import Database, File, Schema

ON_BOTH = {
    "test_column_checks",
    "test_executor",
    "test_interrupted_statements",
    "test_packages",
    "test_transactions",
}
ONLY_ON_SQLITE = {
    "test_packages.test_no_statement_looks_through_a_large_table": (
        "plans of SQLite; those of PostgreSQL are in test_postgresql"
    ),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    backends.parametrize(metafunc, ON_BOTH, ONLY_ON_SQLITE)


@pytest.fixture(scope="module")
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """The database of all catalogs of a module."""
    with backends.catalogs_of(request) as found:
        yield found


@pytest.fixture
def database(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Database:
    """The place of a catalog that is not there yet."""
    if backend == backends.SQLITE:
        return File(tmp_path / "index.db")
    return Schema(request.getfixturevalue("server"))


@pytest.fixture
def catalog(database: Database) -> Iterator[Catalog]:
    """A catalog without rows."""
    found = database.open()
    yield found
    found.close()
