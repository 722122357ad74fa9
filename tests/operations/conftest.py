import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cachedb.cache import Cache
from tests import backends, build
from tests.operations.registries import Holding, Place
from tests.registry import servers
from tests.registry.counting import Counter, counting

ON_BOTH = {
    "test_file_queries",
    "test_gc",
    "test_interrupted_lease",
    "test_package_queries",
    "test_usage",
}
"""Modules that run on PostgreSQL too each time; `make test-postgresql` runs all of them there."""
OUT_OF_REACH = {"test_export_processes", "test_import_processes", "test_pull_processes"}
"""Modules whose processes open the cache themselves: in SQLite."""
_FILE = "faults of the file of SQLite, which the test damages or removes"
_FILE_OF_FILES = "the file of the index of files; its schema is in tests/catalog/test_file_schema"
_INSTRUCTIONS = "a budget of instructions of SQLite"
ONLY_ON_SQLITE = {
    "test_cost_of_collection": _INSTRUCTIONS,
    "test_cost_of_drift": _INSTRUCTIONS,
    "test_cost_of_first_open": _INSTRUCTIONS,
    "test_cost_of_reports": _INSTRUCTIONS,
    "test_cost_of_verification": _INSTRUCTIONS,
    "test_doctor": _FILE,
    "test_escaped_digests.test_a_document_that_escapes_a_digest_stops_the_collection_of_it": (
        "a change of a row in the SQL of SQLite"
    ),
    "test_packages.test_a_cache_that_may_only_be_read_has_packages_too": (
        "a catalog in memory, which a cache has whose identifier cannot be written"
    ),
    "test_pins.test_a_pin_outlives_the_private_folder": (
        "a cache without its identifier, whose catalog in a server has to be attached"
    ),
    "test_queries.test_a_query_that_takes_too_long_is_interrupted": (
        "a PRAGMA; limits in a server are in tests/catalog/test_interrupted_statements"
    ),
    "test_shared_indexes.test_a_manifest_that_is_listed_many_times_costs_no_more_than_that": (
        _INSTRUCTIONS
    ),
    "test_uses.test_a_use_costs_no_fsync_and_no_transaction": "the bytes of its file",
    "test_index_files.test_an_index_of_another_version_is_made_anew": _FILE_OF_FILES,
    "test_index_files.test_a_database_of_another_program_is_left_alone": _FILE_OF_FILES,
    "test_index_files.test_an_index_that_others_can_write_is_refused": _FILE_OF_FILES,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    backends.parametrize(metafunc, ON_BOTH, ONLY_ON_SQLITE, OUT_OF_REACH)


@pytest.fixture(scope="module", autouse=True)
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """The database of all catalogs of a module."""
    with backends.catalogs_of(request) as found:
        yield found


@pytest.fixture
def cache(populated: build.Tree) -> Iterator[Cache]:
    """The populated layout, opened."""
    with Cache.open(populated.path) as opened:
        yield opened


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Cache]:
    """A cache of its own, with nothing in it."""
    with Cache.create(tmp_path / "empty") as opened:
        yield opened


@pytest.fixture
def counted(registry: servers.Served) -> Iterator[Counter]:
    """The registry, with its requests counted."""
    with counting(registry.host) as counter:
        yield counter


@pytest.fixture
def place(registry: servers.Served) -> Place:
    """A repository of this test alone."""
    return Place.new(registry.host)


@pytest.fixture
def holding(tmp_path: Path) -> Iterator[Holding]:
    """A function that makes a cache of things."""
    numbers = itertools.count()
    with ExitStack() as stack:

        def make(named: dict[str, build.Thing], *loose: build.Thing) -> Cache:
            tree = build.layout(tmp_path / f"cache{next(numbers)}", named)
            for thing in loose:
                tree.put(*thing.blobs)
            return stack.enter_context(Cache.open(tree.path))

        yield make
