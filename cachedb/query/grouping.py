"""Groups: rows with the same keys, and what they add up to.

A group is known by its smallest row id, so that a walk which keeps the group is one over pairs of
integers, and keys that are NULL need no care.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from cachedb.catalog import graph
from cachedb.catalog.schema import blob, ref
from cachedb.query.expressions import Row, pairs_below, sum_of_single
from cachedb.query.fields import Field, Sort

if TYPE_CHECKING:
    from sqlalchemy import CTE, ColumnElement, Select

    from cachedb.query.conditions import Conditions
    from cachedb.query.typed import Column

_FUNCTIONS: Final = {"sum": func.sum, "min": func.min, "max": func.max, "avg": func.avg}


class Groups:
    """The groups of one statement, made from rows that a condition selects."""

    def __init__(
        self,
        conditions: Conditions,
        row: Row,
        keys: tuple[Field, ...],
        columns: tuple[Column, ...],
        condition: ColumnElement[bool],
        *,
        is_everything: bool,
    ) -> None:
        self._conditions = conditions
        self._is_everything = is_everything
        self._pairs: CTE | None = None
        self._sort = row.sort
        self._member = self._members(row, keys, columns, condition)
        self._columns = {column.name: self._column(column) for column in columns}

    @property
    def id(self) -> ColumnElement[int]:
        """What tells one group from the others."""
        column: ColumnElement[int] = self._member.c.group_id
        return column

    def statement(self, shown: tuple[Column, ...]) -> Select[*tuple[Any, ...]]:
        """Select the columns to show of every group."""
        found = select(*(self._columns[column.name] for column in shown))
        return found.select_from(self._member).group_by(self.id)

    def key(self, column: Column) -> ColumnElement[Any]:
        """Return what to sort by."""
        return self._columns[column.name]

    def _members(
        self,
        row: Row,
        keys: tuple[Field, ...],
        columns: tuple[Column, ...],
        condition: ColumnElement[bool],
    ) -> CTE:
        """Collect the rows with their keys and with the values that are added up."""
        conditions = self._conditions
        named = {f"key_{field.name}": field for field in keys}
        for column in columns:
            if column.aggregate is not None and column.field is not None:
                named[f"value_{column.field.name}"] = column.field
        values = {
            name: conditions.expressions.value(row, field).label(name)
            for name, field in named.items()
        }
        rows = conditions.names.next("rows")
        inner = (
            select(row.id.label("row_id"), row.content.label("content"), *values.values())
            .where(condition)
            .cte(rows)
        )
        partition = [inner.c[f"key_{field.name}"] for field in keys]
        group_id = func.min(inner.c.row_id).over(partition_by=partition).label("group_id")
        return select(inner, group_id).cte(f"{rows}_grouped")

    def _column(self, column: Column) -> ColumnElement[Any]:
        member = self._member
        if column.aggregate is None:
            # All of a group have the same; `min` says so to the database.
            return func.min(member.c[f"key_{column.name}"]).label(column.name)
        if column.aggregate == "count":
            return func.count().label(column.name)
        if column.field is not None:
            value = member.c[f"value_{column.field.name}"]
            return _FUNCTIONS[column.aggregate](value).label(column.name)
        if column.aggregate == "total":
            return self._looked_up(self._total()).label(column.name)
        return self._looked_up(self._exclusive()).label(column.name)

    def _looked_up(self, sums: CTE) -> ColumnElement[int]:
        found = select(sums.c.bytes).where(sums.c.root == self.id)
        return func.coalesce(found.correlate(self._member).scalar_subquery(), 0)

    def _below(self) -> CTE:
        """Collect what the members contain, with the group; for both sums at once."""
        if self._pairs is None:
            member = self._member
            seed = select(member.c.group_id.label("root"), member.c.content.label("id")).distinct()
            self._pairs = pairs_below(seed, self._conditions.names.next("pairs"))
        return self._pairs

    def _total(self) -> CTE:
        pairs = self._below()
        name = self._conditions.names.next("total")
        inner = blob.alias(f"{name}_blob")
        return (
            select(pairs.c.root, func.sum(inner.c.size).label("bytes"))
            .join_from(pairs, inner, inner.c.id == pairs.c.id)
            .where(inner.c.state.in_(graph.ON_DISK))
            .group_by(pairs.c.root)
            .cte(name)
        )

    def _exclusive(self) -> CTE:
        pairs = self._below()
        name = self._conditions.names.next("alone")
        if self._is_everything or self._sort is not Sort.REF:
            return sum_of_single(pairs, name)
        # References that are in no group share as well.
        others = select(ref.c.target_id.label("id")).where(
            graph.outside(ref.c.id, select(self._member.c.row_id).cte(f"{name}_refs"))
        )
        kept = graph.descendants(others, f"{name}_kept")
        ours = select(pairs.c.root, pairs.c.id).where(graph.outside(pairs.c.id, kept))
        return sum_of_single(ours.cte(f"{name}_ours"), name)
