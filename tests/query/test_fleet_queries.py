"""Queries of a fleet mean what the evaluator says about the rows of all of its caches."""

import copy
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import uuid4

import pytest

from cachedb.catalog.server.address import ServerAddress
from cachedb.catalog.server.fleet_catalog import FleetCatalog, Members
from cachedb.operations.fleet import query as fleet_query
from cachedb.query.semantics.check import check_fleet
from cachedb.query.syntax.parser import parse
from tests.postgresql import Server
from tests.query import databases, generate, on_server
from tests.query.databases import SAVED
from tests.query.fleet_evaluator import FleetEvaluator
from tests.query.model import Cache
from tests.query.random_queries import FleetWriter

FLEETS = 5
QUERIES = 110
"""Random queries for each fleet."""


class Fleet:
    """Caches in a server, and the evaluator of the same caches."""

    def __init__(self, server: Server, caches: dict[str, Cache], prefix: str) -> None:
        self.caches = {f"{prefix}{name}": cache for name, cache in caches.items()}
        self.evaluator = FleetEvaluator(self.caches, generate.NOW)
        self.catalog = FleetCatalog(ServerAddress.parse(server.url()))
        self.members = Members(only=(f"{prefix}*",))

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        query = parse(text, saved=SAVED)
        found = fleet_query.run(self.catalog, query, self.members, generate.NOW)
        return [tuple(map(databases.microseconds, row)) for row in found]

    def expected(self, text: str) -> list[tuple[Any, ...]]:
        query = parse(text, saved=SAVED)
        columns = [column.name for column in check_fleet(query, now=generate.NOW).columns]
        return self.evaluator.rows(query, columns)


@contextmanager
def serving(server: Server, caches: dict[str, Cache]) -> Iterator[Fleet]:
    """Write the catalogs of a fleet."""
    fleet = Fleet(server, caches, f"f{uuid4().hex[:12]}.")
    with ExitStack() as stack:
        for name, cache in fleet.caches.items():
            stack.enter_context(on_server.catalog(cache, server.url(name)))
        stack.callback(fleet.catalog.close)
        yield fleet


def made_up(rng: random.Random) -> dict[str, Cache]:
    """Make caches that share images: some hold a part of what another one holds."""
    caches = {"a": generate.build(rng, rng.randint(2, 8)), "b": generate.build(rng, 3)}
    part = copy.deepcopy(caches["a"])
    for key in sorted(part.refs):
        if rng.random() < 0.4:
            del part.refs[key]
    caches["c-part"] = part
    if rng.random() < 0.3:
        caches["empty"] = Cache()
    return caches


def disputed(server: Server, seed: object, queries: int) -> str | None:
    """Return the first of some random queries whose rows the evaluator disputes."""
    rng = random.Random(f"fleet {seed}")
    with serving(server, made_up(rng)) as fleet:
        writer = FleetWriter(rng, fleet.caches[min(fleet.caches)], names=list(fleet.caches))
        for _ in range(queries):
            writer.depth = rng.choice((1, 1, 2, 3))
            text = writer.query_with_clauses()
            if fleet.rows(text) != fleet.expected(text):
                return text
    return None


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FLEETS))
def test_random_queries_of_a_fleet_mean_what_the_evaluator_says(server: Server, seed: int) -> None:
    assert disputed(server, seed, QUERIES) is None


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(FLEETS, 45))
def test_many_queries_of_a_fleet_mean_what_the_evaluator_says(server: Server, seed: int) -> None:
    assert disputed(server, seed, 250) is None


QUESTIONS = [
    "refs show cache,name,size sort -size,name limit 5 offset 2",
    "refs show cache,name,size sort -size,name",
    "refs name:alpine or name:busybox show cache,name",
    "refs top 2 by -size",
    "refs top 2 by -added per cache show cache,name,added",
    "refs group cache show cache,count,total,exclusive sort -total",
    "refs group repo show repo,count,total,exclusive,max.added sort -count,repo",
    "blobs kind:layer group digest show digest,count sort -count,digest limit 10",
    "blobs cache ne x show count,sum.size,avg.size",
    "refs pkg:openssl lt 3.0.14 show cache,name",
    "packages name:openssl group cache,version sort cache,version",
    "files path:/etc/* show cache,path",
    "packages packages(top 2 by license) show cache,name,version,license",
    "refs show max.cache,min.cache,count",
    "refs nothing show count,total",
    "blobs exclusive(refs top 3 by -size) show cache,digest",
]


@pytest.fixture(scope="module")
def some(server: Server) -> Iterator[Fleet]:
    with serving(server, made_up(random.Random("some"))) as fleet:
        yield fleet


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_question_about_a_fleet_has_the_rows_of_every_cache(some: Fleet, text: str) -> None:
    if "exclusive(" in text:
        text = text.replace("exclusive(refs top 3 by -size)", "exclusive(top 3 by -size)")
    assert some.rows(text) == some.expected(text)
