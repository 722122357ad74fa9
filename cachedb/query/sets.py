"""Sets: the named table expressions of one statement, each made once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from cachedb.catalog import graph
from cachedb.catalog.schema import Role, edge, link
from cachedb.query.expressions import Expressions, Names, Row

if TYPE_CHECKING:
    from sqlalchemy import CTE, ColumnElement, Select

    from cachedb.query.fields import Sort


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSet:
    """A table expression of a statement, and what it holds."""

    name: str
    meaning: str


class Sets:
    """The sets that have been made, by what they were made of."""

    def __init__(self) -> None:
        self.names = Names()
        self.expressions = Expressions(self.names)
        self.named: list[NamedSet] = []
        self._made: dict[object, CTE] = {}

    def row(self, sort: Sort) -> Row:
        """Return a row of a name of its own."""
        return Row.named(sort, self.names.next(sort.value[0]))

    def step(self, to: str, seed: CTE) -> CTE:
        """Collect the parents, children, subjects or referrers of the members of a set."""
        ids = select(seed.c.id)
        match to:
            case "parent":
                found = select(edge.c.parent_id.label("id")).where(edge.c.child_id.in_(ids))
            case "child":
                found = select(edge.c.child_id.label("id")).where(edge.c.parent_id.in_(ids))
            case "subject":
                found = _subjects(link.c.child_id, link.c.parent_id.in_(ids))
            case _:
                found = _subjects(link.c.parent_id, link.c.child_id.in_(ids))
        return self.set(to, found, (to, seed), f"every {to} of {seed.name}")

    def above(self, seed: CTE) -> CTE:
        """Collect what contains a member of a set, the members included."""
        return self._walk("up", seed, f"everything that contains one of {seed.name}")

    def below(self, seed: CTE) -> CTE:
        """Collect what the members of a set contain, themselves included."""
        return self._walk("down", seed, f"everything inside of {seed.name}")

    def _walk(self, way: str, seed: CTE, meaning: str) -> CTE:
        key = (way, seed)
        if key not in self._made:
            name = self.names.next(way)
            walk = graph.ancestors if way == "up" else graph.descendants
            self._made[key] = walk(seed, name)
            self._note(name, meaning)
        return self._made[key]

    def set(self, prefix: str, found: Select[Any], key: object, meaning: str) -> CTE:
        """Make a named set, or return the one that has been made of the same."""
        whole = (prefix, key)
        if whole not in self._made:
            name = self.names.next(prefix)
            self._made[whole] = found.cte(name)
            self._note(name, meaning)
        return self._made[whole]

    def _note(self, name: str, meaning: str) -> None:
        self.named.append(NamedSet(name=name, meaning=meaning))


def _subjects(column: ColumnElement[int], condition: ColumnElement[bool]) -> Select[Any]:
    return select(column.label("id")).where(link.c.role == int(Role.SUBJECT), condition)
