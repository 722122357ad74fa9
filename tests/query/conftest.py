import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests import backends
from tests.query import databases, generate
from tests.query.evaluator import Evaluator

SMALL = 40
LARGE = 1_200
"""Images; ten thousand take half a minute to make, so the campaign alone does."""
FULL = 10_500


ON_BOTH = {"test_examples", "test_graph", "test_literals", "test_statement"}
"""Modules that run on PostgreSQL too each time: all with a database that are not below."""
_PLANS = "plans of SQLite; those of PostgreSQL are in test_postgresql_queries"
ONLY_ON_SQLITE = {
    "test_plans": _PLANS,
    "test_statement.test_it_runs_where_nothing_may_be_written": "a PRAGMA",
    "test_statement.test_a_deadline_interrupts_it": "an interrupt inside of the process",
    "test_statement.test_it_explains_itself_on_either_dialect": "it compares with PostgreSQL",
    "test_examples.test_the_golden_examples_read_as_reviewed": "a golden file of its SQL",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    backends.parametrize(metafunc, ON_BOTH, ONLY_ON_SQLITE, scope="session")


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> str:
    """The database of a test."""
    return backends.chosen(request)


@pytest.fixture(scope="session")
def database(backend: str, request: pytest.FixtureRequest) -> Callable[[], str]:
    """A function that returns the URL of a new database."""
    if backend == backends.SQLITE:
        return lambda: "sqlite://"
    fresh: Callable[[], str] = request.getfixturevalue("server").fresh
    return fresh


@pytest.fixture
def empty(database: Callable[[], str]) -> Iterator[Connection]:
    with databases.catalog(None, database()) as connection:
        yield connection


@pytest.fixture(scope="session")
def evaluator() -> Evaluator:
    return Evaluator(generate.build(random.Random("examples"), SMALL), generate.NOW)


@pytest.fixture(scope="session")
def small(evaluator: Evaluator, database: Callable[[], str]) -> Iterator[Connection]:
    with databases.catalog(evaluator.cache, database()) as connection:
        yield connection


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    yield from _on_disk(tmp_path_factory.mktemp("large"), LARGE)


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    yield from _on_disk(tmp_path_factory.mktemp("full"), FULL)


def _on_disk(folder: Path, images: int) -> Iterator[Connection]:
    with databases.catalog(
        generate.build_large(images), f"sqlite:///{folder / 'index.db'}"
    ) as connection:
        yield connection
