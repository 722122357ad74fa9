"""Groups of rows with equal keys, and their aggregates; without keys, one total of all rows.

A group is known by its smallest row id, so that a walk which keeps the group is one over pairs of
integers, and keys that are NULL need no care.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, literal_column, select, true

from cachedb.catalog.queries import graph
from cachedb.catalog.schema import blob, ref
from cachedb.query.sql import dialect
from cachedb.query.sql.expressions import aliased, pairs_below, sum_of_single
from cachedb.query.words import Field, Sort

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import CTE, ColumnElement, FromClause, Label, Select

    from cachedb.query.semantics.typed import QueryColumn
    from cachedb.query.sql.conditions import ConditionBuilder
    from cachedb.query.sql.expressions import NameGenerator, Row

_FUNCTIONS: Final[dict[str, Any]] = {
    "sum": dialect.exact_sum,
    "min": func.min,
    "max": func.max,
    "avg": dialect.average,
}
_OF_SETS: Final = frozenset({"total", "exclusive"})


def member_rows(
    conditions: ConditionBuilder,
    row: Row,
    keys: tuple[Field, ...],
    columns: tuple[QueryColumn, ...],
    condition: ColumnElement[bool],
) -> Select[*tuple[Any, ...]]:
    """Select the rows with their content, their keys and the values that are added up."""
    named = {f"key_{field.name}": field for field in keys}
    for column in columns:
        if column.aggregate is not None and column.field is not None:
            named[f"value_{column.field.name}"] = column.field
    values = (
        conditions.expressions.value(row, field).label(name) for name, field in named.items()
    )
    source = conditions.expressions.source(row, named.values())
    found = select(row.id.label("row_id"), row.content.label("content"), *values)
    return found.select_from(source).where(condition)


def with_groups(
    rows: FromClause, keys: tuple[Field, ...], number: ColumnElement[int]
) -> Select[*tuple[Any, ...]]:
    """Select rows of `member_rows` with their group, which is its smallest `number`."""
    partition = [rows.c[f"key_{field.name}"] for field in keys] or None
    return select(rows, func.min(number).over(partition_by=partition).label("group_id"))


class Groups:
    """The groups of one statement, built from the rows of `with_groups`.

    `sums` are the bytes of groups, by the name of their aggregate: columns `root` and `bytes`.
    """

    def __init__(
        self,
        names: NameGenerator,
        member: FromClause,
        columns: tuple[QueryColumn, ...],
        sums: Mapping[str, FromClause],
        *,
        is_total: bool,
    ) -> None:
        self._is_total = is_total
        self._member = member
        self._group = self._groups(columns, names)
        self._sums = sums

    @property
    def id(self) -> ColumnElement[int]:
        """The key of a group: its smallest row id."""
        column: ColumnElement[int] = self._group.c.group_id
        return column

    def statement(self, shown: tuple[QueryColumn, ...]) -> Select[*tuple[Any, ...]]:
        """Select the columns to show of every group."""
        # Joined: a subquery would compute the sums again for every group.
        source: FromClause = self._group
        if self._is_total:  # one row also if no row is selected
            one = select(literal_column("1").label("one")).subquery()
            source = one.outerjoin(source, true())
        for sums in self._sums.values():
            source = source.outerjoin(sums, sums.c.root == self.id)
        return select(*(self.column(one).label(one.name) for one in shown)).select_from(source)

    def column(self, column: QueryColumn) -> ColumnElement[Any]:
        """Return the expression of a result column."""
        sums = self._sums.get(column.name)
        if sums is not None:
            return func.coalesce(sums.c.bytes, 0)
        found: ColumnElement[Any] = self._group.c[column.name]
        return func.coalesce(found, 0) if column.aggregate == "count" else found

    def _groups(self, columns: tuple[QueryColumn, ...], names: NameGenerator) -> CTE:
        member = self._member
        plain = [self._aggregate(column) for column in columns if not is_of_sets(column)]
        found = select(member.c.group_id, *plain).group_by(member.c.group_id)
        return found.cte(names.next("groups"))

    def _aggregate(self, column: QueryColumn) -> Label[Any]:
        member = self._member
        if column.aggregate is None:
            # All rows of a group have the same value; `min` satisfies the database.
            return func.min(member.c[f"key_{column.name}"]).label(column.name)
        if column.field is None:
            return func.count().label(column.name)
        value = member.c[f"value_{column.field.name}"]
        result: Label[Any] = _FUNCTIONS[column.aggregate](value).label(column.name)
        return result


def is_of_sets(column: QueryColumn) -> bool:
    """Return whether a column measures the content of a group, each blob once."""
    return column.aggregate in _OF_SETS and column.field is None


class ContentSums:
    """Bytes of the content of groups in one cache: columns `root`, which is a group, and `bytes`.

    `member` are rows with `group_id`, `content` and `row_id`.
    """

    def __init__(
        self, names: NameGenerator, member: FromClause, sort: Sort, *, is_everything: bool
    ) -> None:
        self._names = names
        self._member = member
        self._sort = sort
        self._is_everything = is_everything
        self._pairs: CTE | None = None

    def of(self, aggregate: str | None) -> CTE:
        """Return the sums of `total` or of `exclusive`."""
        return self._total() if aggregate == "total" else self._exclusive()

    def _below(self) -> CTE:
        """Collect the content of the members, with the group; for both sums at once."""
        if self._pairs is None:
            member = self._member
            seed = select(member.c.group_id.label("root"), member.c.content.label("id")).distinct()
            self._pairs = pairs_below(seed, self._names.next("pairs"))
        return self._pairs

    def _total(self) -> CTE:
        pairs = self._below()
        name = self._names.next("total")
        inner = aliased(blob, f"{name}_blob")
        return (
            select(pairs.c.root, func.sum(inner.c.size).label("bytes"))
            .join_from(pairs, inner, inner.c.id == pairs.c.id)
            .where(inner.c.state.in_(graph.ON_DISK))
            .group_by(pairs.c.root)
            .cte(name)
        )

    def _exclusive(self) -> CTE:
        pairs = self._below()
        name = self._names.next("alone")
        if self._is_everything or self._sort is not Sort.REF:
            return sum_of_single(pairs, name)
        # References that are in no group share as well.
        others = select(ref.c.target_id.label("id")).where(
            graph.outside(ref.c.id, select(self._member.c.row_id).cte(f"{name}_refs"))
        )
        kept = graph.descendants(others, f"{name}_kept")
        ours = select(pairs.c.root, pairs.c.id).where(graph.outside(pairs.c.id, kept))
        return sum_of_single(ours.cte(f"{name}_ours"), name)
