"""Queries on PostgreSQL mean what the evaluator and SQLite say."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks import layouts
from cachedb.cache import Cache
from cachedb.catalog.server.catalog import ServerCatalog
from cachedb.operations.read.run_query import split_entries
from cachedb.query import plan_cache
from cachedb.query.results import OutputColumn
from cachedb.query.semantics.check import check
from cachedb.query.syntax.parser import parse
from cachedb.query.syntax.tree import Query
from tests.postgresql import Server
from tests.query import databases, generate, on_server
from tests.query.databases import SAVED
from tests.query.evaluator import Evaluator
from tests.query.random_queries import Writer

CACHES = 6
QUERIES = 60
"""Random queries of sets for each cache; half as many with clauses."""


def rows(catalog: ServerCatalog, text: str) -> list[tuple[object, ...]]:
    checked = check(parse(text, saved=SAVED), now=generate.NOW)
    columns = [OutputColumn.of(column) for column in checked.columns]
    with catalog.reading_files() as connection:
        checked = checked.with_split_images(split_entries(connection))
        statement = plan_cache.compile_rows(checked, "postgresql").statement
        found = list(connection.run(statement.text, statement.bind(checked.values)))
    return [
        tuple(databases.microseconds(c.read(v)) for c, v in zip(columns, row, strict=True))
        for row in found
    ]


def ids(catalog: ServerCatalog, query: Query) -> list[int]:
    checked = check(query, now=generate.NOW)
    with catalog.reading_files() as connection:
        checked = checked.with_split_images(split_entries(connection))
        statement = plan_cache.compile_ids(checked, "postgresql").statement
        return [key for (key,) in connection.run(statement.text, statement.bind(checked.values))]


def test_a_mean_has_the_digits_of_sqlite(server: Server) -> None:
    """PostgreSQL's own avg() of integers has eight decimals for such a mean."""
    cache = generate.build(random.Random("mean"), 30)
    blobs = list(cache.blobs.values())
    number = 95
    total = next(
        total
        for total in range(159_154_787 * number, 159_200_000 * number)
        if float(round(Decimal(total) / number, 8)) != total / number
    )
    for blob in blobs:
        blob.size = 1
    for blob in blobs[:number]:
        blob.size = total // number
    blobs[0].size += total % number
    with on_server.catalog(cache, server.fresh()) as catalog:
        assert rows(catalog, "blobs size gt 1K show avg.size") == [(total / number,)]


def agree(catalog: ServerCatalog, evaluator: Evaluator, rng: random.Random, queries: int) -> None:
    for number in range(queries):
        text = Writer(rng, evaluator.cache, depth=rng.choice((1, 2, 2, 3))).query()
        query = parse(text, saved=SAVED)
        assert sorted(ids(catalog, query)) == sorted(evaluator.select(query)), text
        if number % 2:
            text, columns = Writer(rng, evaluator.cache).with_clauses()
            assert rows(catalog, text) == evaluator.rows(parse(text, saved=SAVED), columns), text


def on_generated_caches(server: Server, seeds: range, queries: int) -> None:
    for seed in seeds:
        rng = random.Random(f"postgresql {seed}")
        cache = generate.build(rng, rng.randint(2, 14))
        with ExitStack() as stack:
            catalog = stack.enter_context(on_server.catalog(cache, server.fresh()))
            agree(catalog, Evaluator(cache, generate.NOW), rng, queries)


@pytest.mark.slow
def test_random_queries_on_postgresql_mean_what_the_evaluator_says(server: Server) -> None:
    on_generated_caches(server, range(CACHES), QUERIES)


@pytest.mark.slow
def test_queries_of_files_on_postgresql_mean_what_the_evaluator_says(server: Server) -> None:
    pairs = 0
    for seed in range(4):
        rng = random.Random(f"files on postgresql {seed}")
        cache = generate.build(rng, rng.randint(4, 10))
        evaluator = Evaluator(cache, generate.NOW)
        with on_server.catalog(cache, server.fresh()) as catalog:
            for text in queries_of_files(rng, evaluator, 75):
                query = parse(text, saved=SAVED)
                assert sorted(ids(catalog, query)) == sorted(evaluator.select(query)), text
                pairs += 1
    assert pairs == 300


def queries_of_files(rng: random.Random, evaluator: Evaluator, number: int) -> Iterator[str]:
    """Yield random queries that read the index of files, with whichever noun they select."""
    while number:
        text = Writer(rng, evaluator.cache, depth=rng.choice((1, 2, 2, 3))).query()
        if check(parse(text, saved=SAVED), now=generate.NOW).reads_files:
            number -= 1
            yield text


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(24))
def test_twenty_thousand_queries_on_postgresql_mean_what_the_evaluator_says(
    server: Server, seed: int
) -> None:
    on_generated_caches(server, range(seed, seed + 1), 560)


def test_a_walk_from_each_image_looks_up_edges_by_their_index(
    server: Server, tmp_path: Path
) -> None:
    """A scan of all edges at each step of a walk would make it quadratic; there are no statistics.

    300 images are so few that a server, by its own costs of pages, would scan.
    """
    layout = layouts.Made(tmp_path).of(300)
    with (
        Cache.open(layout, catalog=server.fresh()) as cache,
        cache.catalog.reading() as connection,
    ):
        checked = check(parse("refs show size,name"), now=generate.NOW)
        statement = plan_cache.compile_rows(checked, "postgresql").statement
        values = tuple(statement.bind(checked.values))
        plan = [line for (line,) in connection.run(f"EXPLAIN {statement.text}", values)]
    assert any("Recursive Union" in line for line in plan)
    assert any("on edge" in line for line in plan)
    assert not [line for line in plan if "Seq Scan on edge" in line]
