"""SQL and a plain reading of the language agree, on generated caches and queries."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache as memoized

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from cachedb.query.syntax.parser import parse
from cachedb.query.syntax.tree import Query
from tests.query import databases, generate
from tests.query.databases import SAVED
from tests.query.evaluator import Evaluator
from tests.query.random_queries import Writer

CACHES = 24
CHECKED_AS_WELL = 5
"""One query in so many is compared with its complement, too: it costs two more statements."""

_open = ExitStack()


@pytest.fixture(autouse=True, scope="module")
def _closing() -> Iterator[None]:
    yield
    made_up.cache_clear()
    _open.close()


@memoized
def made_up(seed: int) -> tuple[Connection, Evaluator]:
    rng = random.Random(seed)
    cache = generate.build(rng, rng.randint(2, 14))
    return _open.enter_context(databases.catalog(cache)), Evaluator(cache, generate.NOW)


def selected(connection: Connection, query: Query) -> list[int]:
    return sorted(databases.ids(connection, query))


def agree_on_a_set(seed: int, rng: random.Random) -> None:
    connection, evaluator = made_up(seed)
    text = Writer(rng, evaluator.cache, depth=rng.choice((1, 2, 2, 3))).query()
    query = parse(text, saved=SAVED)
    found = selected(connection, query)
    assert found == sorted(evaluator.select(query)), text
    if rng.randrange(CHECKED_AS_WELL) == 0:
        everything = selected(connection, parse(query.noun))
        assert sorted(found + selected(connection, ~query)) == everything, text


def agree_on_rows(seed: int, rng: random.Random) -> None:
    connection, evaluator = made_up(seed)
    text, columns = Writer(rng, evaluator.cache).with_clauses()
    expected = evaluator.rows(parse(text, saved=SAVED), columns)
    found = [tuple(map(databases.microseconds, row)) for row in databases.rows(connection, text)]
    assert found == expected, text


def obey_de_morgan(seed: int, rng: random.Random) -> None:
    connection, evaluator = made_up(seed)
    writer = Writer(rng, evaluator.cache, depth=2)
    noun, _, left = writer.query().partition(" ")
    sort = next(sort for sort, nouns in writer.nouns() if noun in nouns)
    right = writer.expression(sort, 1)
    for one, other in (
        (f"not (({left}) and ({right}))", f"not ({left}) or not ({right})"),
        (f"not (({left}) or ({right}))", f"not ({left}) and not ({right})"),
        (f"({left}) and not ({right})", f"not (not ({left}) or ({right}))"),
    ):
        texts = (f"{noun} {one}", f"{noun} {other}")
        queries = [parse(text, saved=SAVED) for text in texts]
        assert selected(connection, queries[0]) == selected(connection, queries[1]), texts


def law(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


CACHE = st.integers(0, CACHES - 1)
CHOICES = st.randoms(use_true_random=False)


@law(1600)
@given(CACHE, CHOICES)
def test_a_query_selects_what_it_says_and_its_complement_the_rest(
    seed: int, rng: random.Random
) -> None:
    agree_on_a_set(seed, rng)


@law(400)
@given(CACHE, CHOICES)
def test_order_pages_columns_and_groups_are_what_they_say(seed: int, rng: random.Random) -> None:
    agree_on_rows(seed, rng)


@law(60)
@given(CACHE, CHOICES)
def test_complements_obey_de_morgan(seed: int, rng: random.Random) -> None:
    obey_de_morgan(seed, rng)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(CACHES))
def test_twenty_thousand_queries_mean_the_same_twice(seed: int) -> None:
    rng = random.Random(f"campaign {seed}")
    for _ in range(700):
        agree_on_a_set(seed, rng)
    for _ in range(150):
        agree_on_rows(seed, rng)
    for _ in range(20):
        obey_de_morgan(seed, rng)
