"""Reference evaluator, clauses: order, pages, groups and ranks."""

from collections.abc import Iterable
from typing import Any

from cachedb.packages import versions
from cachedb.query.syntax import tree
from tests.query.evaluator_sets import SORT_OF, Ids, Sets, WrongSort
from tests.query.readings import platform_parts

ORDERS = {
    "kind": ("other", "index", "manifest", "config", "layer", "attestation"),
    "state": ("missing", "present", "corrupt", "absent", "foreign"),
    "role": ("", "manifest", "config", "layer", "subject"),
}
"""Enumerations sort by their numbers in the catalog."""


INSIDE = ("platform", "arch", "os", "variant", "created", "entrypoint", "license")


LISTS = {("ref", name) for name in INSIDE if name != "created"} | {("blob", "license")}


class Evaluator(Sets):
    """Says what the rows of a query are."""

    def top(self, node: tree.Top, sort: str) -> Ids:
        self.expect_ranks(node, sort)
        for key in sorted(self.universe(sort))[:1]:  # the keys tell the sort, of nothing as well
            for item in (*node.keys, *node.per):
                self.sortable(sort, key, item.name)
        chosen = self.universe(sort) if node.of is None else self.members(node.of, sort)
        groups: dict[tuple[Any, ...], list[int]] = {}
        for key in chosen:
            values = tuple(self.shown(sort, key, item.name) for item in node.per)
            groups.setdefault(values, []).append(key)
        found: set[int] = set()
        for members in groups.values():
            ranks = {key: self.rank(sort, key, node.keys) for key in members}
            images: dict[int, list[int]] = {}
            for key in members:
                one = min(self.split.get(key, {key})) if sort == "ref" else key
                images.setdefault(one, []).append(key)
            best = {one: min(ranks[key] for key in keys) for one, keys in images.items()}
            for one, keys in images.items():
                before = sum(1 for other in best.values() if other < best[one])
                if before < int(node.count.text):
                    found.update(keys)
        return Ids(found)

    @staticmethod
    def expect_ranks(node: tree.Top, sort: str) -> None:
        """Refuse a sort whose rows have several values of what ranks them."""
        if any((sort, key.name) in LISTS for key in (*node.keys, *node.per)):
            raise WrongSort(sort)

    def rank(self, sort: str, key: int, keys: Iterable[tree.ColumnKey]) -> list[Any]:
        """Return what sorts as the row does; what has no value comes last."""
        parts: list[Any] = []
        for item in keys:
            value = self.sortable(sort, key, item.name)
            parts += [value is None, Down(value) if item.descending else Up(value)]
        return parts

    def sortable(self, sort: str, key: int, name: str) -> Any:
        value = self.shown(sort, key, name)
        if name in ORDERS and value is not None:
            return ORDERS[name].index(value)
        if sort == "package" and name == "version":
            package = self.packages[key]
            return versions.key(package.scheme, package.version)
        return value

    def shown(self, sort: str, key: int, name: str) -> Any:
        """Return the one value of a column."""
        if (sort == "ref" and name in INSIDE) or (sort == "blob" and name == "license"):
            return self.shown_of_several(sort, key, name)
        if sort == "file" and name == "layer":
            layer = self.cache.files[key].layer
            return None if layer is None else self.cache.blobs[layer].digest
        if sort == "link" and name in {"parent", "child"}:
            return self.cache.blobs[getattr(self.links[key], name)].digest
        if sort == "blob" and name == "refs":
            around = self.around(key)
            return sum(1 for one in self.cache.refs if self.targets_of(one) & around)
        if sort == "blob" and name in {"platform", "arch", "os", "variant"}:
            return as_text(platform_parts(self.cache.blobs[key].platform, name))
        if sort == "blob" and name in {"created", "entrypoint"}:
            config = self.cache.blobs[key].config
            return None if config is None else getattr(config, name)
        values = self.reader(sort, name)(key)
        if name == "version":
            return values[0].version
        return as_text(values)

    def shown_of_several(self, sort: str, key: int, name: str) -> Any:
        values = {value for value in self.reader(sort, name)(key) if value is not None}
        if name == "created":
            return max(values, default=None)
        texts = {"/".join(filter(None, one)) if isinstance(one, tuple) else one for one in values}
        return ", ".join(sorted(texts)) if texts else None

    def rows(self, query: tree.Query, columns: list[str]) -> list[tuple[Any, ...]]:
        """Return the rows of a query with clauses."""
        sort, clauses = SORT_OF.get(query.noun, "blob"), query.clauses
        chosen = sorted(self.select(query))
        start = int(clauses.offset.text) if clauses.offset else 0
        end = start + int(clauses.limit.text) if clauses.limit else None
        is_total = any(name == "count" or "." in name for name in columns)
        if not clauses.group and not is_total:
            ordered = sorted(chosen, key=lambda key: (self.rank(sort, key, clauses.sort), key))
            return [
                tuple(self.shown(sort, key, name) for name in columns)
                for key in ordered[start:end]
            ]
        groups: dict[tuple[Any, ...], list[int]] = {} if clauses.group else {(): []}
        for key in chosen:
            names = tuple(self.shown(sort, key, item.name) for item in clauses.group)
            groups.setdefault(names, []).append(key)
        keys = [item.name for item in clauses.group]

        def value(names: tuple[Any, ...], name: str) -> Any:
            if name in keys:
                return names[keys.index(name)]
            return self.aggregate(sort, groups[names], name)

        def rank(names: tuple[Any, ...]) -> list[Any]:
            parts: list[Any] = []
            for item in clauses.sort:
                found = value(names, item.name)
                if item.name in ORDERS and found is not None:
                    found = ORDERS[item.name].index(found)
                parts += [found is None, Down(found) if item.descending else Up(found)]
            return [*parts, min(groups[names], default=0)]

        ordered_groups = sorted(groups, key=rank)[start:end]
        return [tuple(value(names, name) for name in columns) for names in ordered_groups]

    def aggregate(self, sort: str, keys: list[int], name: str) -> Any:
        if name == "count":
            return len(keys)
        if name in {"total", "exclusive"}:
            contents = self.all(lambda key: self.own_content(sort, key), keys)
            rest = [key for key in self.cache.refs if key not in keys and name == "exclusive"]
            return self.on_disk(contents - self.all(lambda key: self.own_content(sort, key), rest))
        function, _, of = name.partition(".")
        values = [self.sortable(sort, key, of) for key in keys]
        found = [value for value in values if value is not None]
        if not found:
            return None
        if function == "avg":
            return sum(found) / len(found)
        return {"sum": sum, "min": min, "max": max}[function](found)


def as_text(values: list[Any]) -> Any:
    if not values:
        return None
    assert len(values) == 1
    value = values[0]
    return "/".join(filter(None, value)) if isinstance(value, tuple) else value


class Up:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: "Up") -> bool:
        return self.value is not None and self.value < other.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Up) and self.value == other.value

    __hash__ = None  # type: ignore[assignment]


class Down(Up):
    def __lt__(self, other: "Up") -> bool:
        return self.value is not None and self.value > other.value
