from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.cache import Cache
from tests import build
from tests.registry import servers


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


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Served]:
    """A registry without logins, over http, with nothing in it."""
    with servers.docker_registry(tmp_path_factory.mktemp("registry")) as served:
        yield served
