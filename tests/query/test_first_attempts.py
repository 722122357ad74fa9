"""First attempts of users of other tools: each is taken with one meaning, hinted, or refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.errors import QueryError
from tests import build

TABLE = Path(__file__).parents[1] / "data" / "first_attempts.tsv"
ROWS = [
    (*line.split("\t"), "")[:3]
    for line in TABLE.read_text().splitlines()
    if not line.startswith("#")
]
LEAST = 58
"""Attempts that are taken or hinted, of 64."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cache]:
    folder = tmp_path_factory.mktemp("attempts") / "cache"
    tree = build.layout(folder, {"example.com/app:1": build.image()})
    with Cache.open(tree.path) as opened:
        yield opened


def answer(cache: Cache, text: str) -> tuple[str, str]:
    """Return whether a text is taken, hinted or refused, and the query that it stands for."""
    try:
        query = cache.parse(text)
        cache.query(query)
    except QueryError as error:
        first = next(iter(error.hints), "")
        if not first.startswith("did you mean `"):
            return "refused", ""
        hinted = first.removeprefix("did you mean `").removesuffix("`?")
        cache.query(hinted)  # which is ready to paste
        return "hinted", hinted
    return "taken", str(query)


@pytest.mark.parametrize(("text", "verdict", "query"), ROWS, ids=[row[0] for row in ROWS])
def test_a_first_attempt_is_taken_or_hinted_as_the_table_states(
    cache: Cache, text: str, verdict: str, query: str
) -> None:
    assert answer(cache, text) == (verdict, query)


def test_the_table_counts_what_is_taken_or_hinted() -> None:
    assert sum(verdict != "refused" for _, verdict, _ in ROWS) == LEAST
