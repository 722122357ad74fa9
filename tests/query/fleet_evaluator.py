"""Reference evaluator of a fleet: the rows of several caches, each with its own graph."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from cachedb.query.syntax import tree
from tests.query.evaluator import Evaluator
from tests.query.evaluator_sets import Ids
from tests.query.model import Cache


class _Member(Evaluator):
    """One cache of a fleet: ranks are those among the rows of all of them."""

    def __init__(self, fleet: "FleetEvaluator", name: str, cache: Cache, now: datetime) -> None:
        super().__init__(cache, now)
        self.fleet = fleet
        self.name = name

    def reader(self, sort: str, name: str) -> Callable[[int], list[Any]]:
        return (lambda _: [self.name]) if name == "cache" else super().reader(sort, name)

    def top(self, node: tree.Top, sort: str) -> Ids:
        return self.fleet.ranked(node, sort)[self.name]


class FleetEvaluator(Evaluator):
    """Says what the rows of a query of a fleet are; a row is known by its cache and its id."""

    def __init__(self, caches: dict[str, Cache], now: datetime) -> None:
        super().__init__(Cache(), now)
        self.members_of = [_Member(self, name, caches[name], now) for name in sorted(caches)]
        ids = (key for one in self.members_of for key in one.cache.files)
        # Ids of files are far apart, and negative where an image has no layer of them.
        self._apart = 10**9 + 4 * max(map(abs, ids), default=0)

    def at(self, key: int) -> tuple[_Member, int]:
        """Return the cache of a row and its id there."""
        number = (key + self._apart // 2) // self._apart
        return self.members_of[number], key - number * self._apart

    def ranked(self, node: tree.Top, sort: str) -> dict[str, Ids]:
        self.expect_ranks(node, sort)
        keys = (
            self.universe_of(sort)
            if node.of is None
            else self.everywhere(lambda one: one.members(node.of, sort))
        )
        groups: dict[tuple[Any, ...], list[int]] = {}
        for key in keys:
            values = tuple(self.shown(sort, key, item.name) for item in node.per)
            groups.setdefault(values, []).append(key)
        found: set[int] = set()
        for rows in groups.values():
            ranks = {key: self.rank(sort, key, node.keys) for key in rows}
            images: dict[tuple[str, int], list[int]] = {}
            for key in rows:
                one, own = self.at(key)
                image = min(one.split.get(own, {own})) if sort == "ref" else own
                images.setdefault((one.name, image), []).append(key)
            best = {image: min(ranks[key] for key in keys) for image, keys in images.items()}
            for image, keys in images.items():
                before = sum(1 for other in best.values() if other < best[image])
                if before < int(node.count.text):
                    found.update(keys)
        places = [self.at(key) for key in found]
        return {
            one.name: Ids(key for place, key in places if place is one) for one in self.members_of
        }

    def everywhere(self, answer: Callable[[_Member], Ids]) -> Ids:
        return Ids(
            number * self._apart + key
            for number, one in enumerate(self.members_of)
            for key in answer(one)
        )

    def universe_of(self, sort: str) -> Ids:
        return self.everywhere(lambda one: one.universe(sort))

    def select(self, query: tree.Query) -> Ids:
        return self.everywhere(lambda one: one.select(query))

    def shown(self, sort: str, key: int, name: str) -> Any:
        one, own = self.at(key)
        return one.name if name == "cache" else one.shown(sort, own, name)

    def sortable(self, sort: str, key: int, name: str) -> Any:
        one, own = self.at(key)
        return one.name if name == "cache" else one.sortable(sort, own, name)

    def aggregate(self, sort: str, keys: list[int], name: str) -> Any:
        if name not in {"total", "exclusive"}:
            return super().aggregate(sort, keys, name)
        places = [self.at(key) for key in keys]
        # Each cache has files of its own, so a blob of two caches takes its bytes twice.
        return sum(
            one.aggregate(sort, [key for place, key in places if place is one], name)
            for one in self.members_of
        )
