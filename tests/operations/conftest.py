from collections.abc import Iterator

import pytest

from cachedb.cache import Cache
from tests import build


@pytest.fixture
def cache(populated: build.Tree) -> Iterator[Cache]:
    """The populated layout, opened."""
    with Cache.open(populated.path) as opened:
        yield opened
