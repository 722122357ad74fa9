from collections.abc import Iterator

import pytest

from cachedb.linuxkit import Provider
from tests import build


@pytest.fixture
def provider(populated: build.Tree) -> Iterator[Provider]:
    """The populated layout, as linuxkit's provider has it."""
    with Provider(populated.path) as opened:
        yield opened
