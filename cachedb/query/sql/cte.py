"""Common table expressions of one statement, each built once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVarTuple

from sqlalchemy import func, select, true

from cachedb.catalog.enums import Role
from cachedb.catalog.queries import graph
from cachedb.catalog.schema import edge, link
from cachedb.query.sql.expressions import FieldExpressions, NameGenerator, Row
from cachedb.query.sql.images import SplitImages
from cachedb.query.words import Sort
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import CTE, ColumnElement, CompoundSelect, Select

    from cachedb.query.semantics.slots import Slot

_Columns = TypeVarTuple("_Columns")


class NamedSet(Record, uncompared=("table",)):
    """A common table expression of a statement, and its meaning in words."""

    name: str
    """Name in the statement."""
    meaning: str
    table: CTE


def count_last(sets: Sequence[NamedSet]) -> Select[int]:
    """Count the rows of the last of some sets, each of which is built from those before it."""
    found = select(func.count()).select_from(sets[-1].table)
    return found.add_cte(*(each.table for each in sets))


class SetBuilder:
    """Sets of one statement, by the keys that they were built from."""

    def __init__(self, split: Slot | None = None, cache: Slot | None = None) -> None:
        self.names: NameGenerator = NameGenerator()
        self.split: SplitImages | None = None if split is None else SplitImages(split)
        self.expressions: FieldExpressions = FieldExpressions(self.names, self.split, cache)
        self.named: list[NamedSet] = []
        self._made: dict[object, CTE] = {}

    def attach(self, statement: Select[*_Columns]) -> Select[*_Columns]:
        """Attach the sets to a statement, each after the sets that it is built from.

        Without this, SQLAlchemy would render each inside of the set that refers to it, and thirty
        nested ones exceed the recursion limit of Python.
        """
        return statement.add_cte(*self._made.values())

    def row(self, sort: Sort) -> Row:
        """Return a row of a name of its own."""
        return Row.named(sort, self.names.next(sort.value[0]))

    def holding(self, row: Row, found: CTE) -> tuple[ColumnElement[int], CTE]:
        """Return a key of a row, and the keys of the rows whose content begins in a set.

        The content of a ref begins at every target of its image.
        """
        if self.split is None or row.sort is not Sort.REF:
            return row.content, found
        targets = self.split.targets
        whole = select(targets.c.ref_id.label("id")).where(
            targets.c.blob_id.in_(select(found.c[0]))
        )
        return row.id, self.set("holding", whole, found, f"references to one of {found.name}")

    def step(self, to: str, seed: CTE | None) -> CTE:
        """Collect the parents, children, subjects or referrers of a set; None is everything."""
        is_subject = link.c.role == int(Role.SUBJECT)
        wanted, given, condition = {
            "parent": (edge.c.parent_id, edge.c.child_id, true()),
            "child": (edge.c.child_id, edge.c.parent_id, true()),
            "subject": (link.c.child_id, link.c.parent_id, is_subject),
            "referrer": (link.c.parent_id, link.c.child_id, is_subject),
        }[to]
        found = select(wanted.label("id")).where(condition)
        if seed is not None:
            found = found.where(given.in_(select(seed.c.id)))
        of = "anything" if seed is None else seed.name
        return self.set(to, found, (to, seed), f"every {to} of {of}")

    def above(self, seed: CTE) -> CTE:
        """Collect the ancestors of the members of a set, themselves included."""
        return self._walk("up", seed, f"everything that contains one of {seed.name}")

    def below(self, seed: CTE) -> CTE:
        """Collect the descendants of the members of a set, themselves included."""
        return self._walk("down", seed, f"everything inside of {seed.name}")

    def _walk(self, way: str, seed: CTE, meaning: str) -> CTE:
        key = (way, seed)
        if key not in self._made:
            name = self.names.next(way)
            walk = graph.ancestors if way == "up" else graph.descendants
            self._made[key] = walk(seed, name)
            self._note(name, meaning, self._made[key])
        return self._made[key]

    def set(
        self, prefix: str, found: Select[Any] | CompoundSelect[Any], key: object, meaning: str
    ) -> CTE:
        """Build a named set, or return the one that was built from the same key."""
        whole = (prefix, key)
        if whole not in self._made:
            name = self.names.next(prefix)
            self._made[whole] = found.cte(name)
            self._note(name, meaning, self._made[whole])
        return self._made[whole]

    def _note(self, name: str, meaning: str, table: CTE) -> None:
        self.named.append(NamedSet(name=name, meaning=meaning, table=table))
