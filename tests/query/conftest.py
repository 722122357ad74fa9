import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.query import databases, generate
from tests.query.evaluator import Evaluator

SMALL = 40
LARGE = 1_200
"""Images; ten thousand take half a minute to make, so the campaign alone does."""
FULL = 10_500


@pytest.fixture(scope="session")
def evaluator() -> Evaluator:
    return Evaluator(generate.build(random.Random("examples"), SMALL), generate.NOW)


@pytest.fixture(scope="session")
def small(evaluator: Evaluator) -> Iterator[Connection]:
    with databases.catalog(evaluator.cache) as connection:
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
