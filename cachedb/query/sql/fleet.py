"""Compiler from a checked query to one SELECT over the catalogs of several caches.

The graph of a cache is walked in its own tables, with their indexes. What is about all caches is
between such parts: the order and the page, groups, and ranks. So a statement is a list of common
table expressions, each of which is written once or repeated for every cache; those that are
repeated have the name of their cache as a column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, cast, column, func, select, table

from cachedb.query.fleet_statement import EACH, END
from cachedb.query.sql import compile as compiler
from cachedb.query.sql import ranks
from cachedb.query.sql.conditions import ConditionBuilder
from cachedb.query.sql.dialect import parameter, render
from cachedb.query.sql.expressions import NameGenerator
from cachedb.query.sql.grouping import (
    ContentSums,
    Groups,
    is_of_sets,
    member_rows,
    with_groups,
)
from cachedb.query.sql.ranks import Ranking, RankKey
from cachedb.query.statement import CompiledQuery, CompiledStatement

if TYPE_CHECKING:
    from sqlalchemy import CTE, ColumnElement, Select, TableClause
    from sqlalchemy.sql.elements import UnaryExpression

    from cachedb.query.semantics.typed import CheckedQuery, SelectorTest, SortKey, TopRanked

    Rows = Select[Any, *tuple[Any, ...]] | Select[*tuple[Any, ...]]

_DIALECT = "fleet"
_CACHE = "fleet_cache"
_ID = "fleet_id"


def compile_fleet(checked: CheckedQuery) -> CompiledQuery:
    """Compile a query of a fleet to a statement for `fleet_statement.spread`."""
    selectors = (_count_matches(checked, each) for each in checked.selectors())
    return CompiledQuery(statement=_rows(checked), selectors=tuple(selectors))


def _rows(checked: CheckedQuery) -> CompiledStatement:
    parts = _Parts(checked)
    if checked.is_aggregate:
        return parts.ending(_grouped(parts))
    if compiler.is_worth_a_page(checked):
        return parts.ending(_paged(parts))
    return parts.ending(_listed(parts))


def _count_matches(checked: CheckedQuery, node: SelectorTest) -> CompiledStatement:
    parts = _Parts(checked)
    conditions = parts.conditions()
    row = conditions.row(node.sort)
    matches = select(func.count(row.id).label("matches")).where(conditions.holds(node, row))
    found = parts.each("matches", conditions.attach(matches))
    return parts.ending(select(func.sum(found.c.matches)))


class _Parts:
    """The common table expressions of one statement, in their order."""

    def __init__(self, checked: CheckedQuery) -> None:
        assert checked.cache is not None
        self.checked = checked
        self.cache = checked.cache
        self.names = NameGenerator()
        self._texts: list[str] = []
        self._parameters: list[Any] = []
        self._rankings: dict[TopRanked, TableClause] = {}

    def conditions(self) -> _FleetConditions:
        """Return a builder of conditions for a part that is repeated."""
        return _FleetConditions(self)

    def each(self, prefix: str, statement: Rows) -> TableClause:
        """Add a part that is repeated for every cache."""
        return self._add(prefix, statement, EACH, END)

    def once(self, prefix: str, statement: Rows) -> TableClause:
        """Add a part about all caches."""
        return self._add(prefix, statement, "", "")

    def ending(self, statement: Rows) -> CompiledStatement:
        """Return the whole statement; its last part has no common table expressions."""
        last = render(statement, _DIALECT)
        text = f"WITH {', '.join(self._texts)} {last.text}"
        return CompiledStatement(text=text, parameters=(*self._parameters, *last.parameters))

    def ranking(self, found: TopRanked) -> TableClause:
        """Rank the rows of all caches: columns of the cache, the id and the place of a row."""
        if found not in self._rankings:
            self._rankings[found] = self._ranked(found)
        return self._rankings[found]

    def _ranked(self, found: TopRanked) -> TableClause:
        conditions = self.conditions()
        own = conditions.ranking(found)
        image = own.row_id if own.image is None else own.image
        values: tuple[ColumnElement[Any], ...] = (
            conditions.expressions.cache().label(_CACHE),
            own.row_id.label(_ID),
            image.label("image"),
            *(key.value.label(f"key_{place}") for place, key in enumerate(own.keys)),
            *(value.label(f"per_{place}") for place, value in enumerate(own.per)),
        )
        rows = select(*values).select_from(own.source).where(own.condition)
        listed = self.each("rows", conditions.attach(rows))
        number = func.row_number().over(order_by=[listed.c[_CACHE], listed.c[_ID]])
        numbered = self.once("numbered", select(listed, number.label("number")))
        image = func.min(numbered.c.number).over(
            partition_by=[numbered.c[_CACHE], numbered.c.image]
        )
        whole = self.once("images", select(numbered, image.label("whole")))
        keys = (
            RankKey(value=whole.c[f"key_{place}"], descending=key.descending)
            for place, key in enumerate(own.keys)
        )
        ranking = Ranking(
            row_id=whole.c.number,
            image=None if own.image is None else whole.c.whole,
            keys=tuple(keys),
            per=tuple(whole.c[f"per_{place}"] for place in range(len(own.per))),
            source=whole,
            condition=whole.c.number > 0,
        )
        ranked = (
            ranks.of_rows(ranking)
            if ranking.image is None
            else ranks.of_images(ranking, ranking.image)
        )
        placed = select(numbered.c[_CACHE], numbered.c[_ID], ranked.c.place)
        placed = placed.join_from(numbered, ranked, ranked.c.id == numbered.c.number)
        return self.once("ranked", placed)

    def _add(self, prefix: str, statement: Rows, begin: str, end: str) -> TableClause:
        name = f"fleet_{self.names.next(prefix)}"
        part = render(statement, _DIALECT)
        self._texts.append(f"{name} AS ({begin}{part.text}{end})")
        self._parameters += part.parameters
        return table(name, *(column(each.name, each.type) for each in statement.selected_columns))


class _FleetConditions(ConditionBuilder):
    """Conditions on the rows of one cache; ranks are those among the rows of all caches."""

    def __init__(self, parts: _Parts) -> None:
        super().__init__(parts.checked.split, parts.cache)
        self._parts = parts

    def ranked(self, found: TopRanked) -> CTE:
        ranked = self._parts.ranking(found)
        top = select(ranked.c[_ID].label("id")).where(
            self.is_here(ranked), ranked.c.place <= parameter(found.count_slot)
        )
        return self.set("top", top, found, "the first of each group in all caches")

    def is_here(self, rows: TableClause) -> ColumnElement[bool]:
        """Test whether a row of all caches is one of this cache."""
        here: ColumnElement[bool] = rows.c[_CACHE] == self.expressions.cache()
        return here


def _listed(parts: _Parts) -> Rows:
    checked, conditions = parts.checked, parts.conditions()
    row = conditions.row(checked.sort)
    condition = compiler.holding(checked, conditions, row)
    expressions = conditions.expressions
    shown = {
        each.name: expressions.value(row, each.field).label(each.name)
        for each in checked.columns
        if each.field is not None
    }
    keys, labels = [], []
    for place, item in enumerate(checked.order):
        key, _ = compiler.sort_key(conditions, row, item, shown)
        if key is not shown.get(item.column.name):
            key = key.label(f"key_{place}")
            keys.append(key)
        labels.append(key)
    where = (expressions.cache().label(_CACHE), row.id.label(_ID))
    source = expressions.source(row, compiler.fields(checked))
    found = select(*shown.values(), *keys, *where).select_from(source).where(condition)
    found = _first_of_each(found, checked, [*_ordered(labels, checked.order), row.id])
    rows = parts.each("rows", conditions.attach(found))
    outer = _ordered([rows.c[key.name] for key in labels], checked.order)
    listed = select(*(rows.c[each.name] for each in checked.columns))
    return compiler.limited(listed.order_by(*outer, rows.c[_CACHE], rows.c[_ID]), checked)


def _paged(parts: _Parts) -> Rows:
    """Select the page of all caches first, and compute its columns afterwards."""
    checked, conditions = parts.checked, parts.conditions()
    row = conditions.row(checked.sort)
    condition = compiler.holding(checked, conditions, row)
    expressions = conditions.expressions
    keys = [compiler.sort_key(conditions, row, item, {})[0] for item in checked.order]
    labels = [key.label(f"key_{place}") for place, key in enumerate(keys)]
    sorted_by = [item.column.field for item in checked.order if item.column.field is not None]
    where = (expressions.cache().label(_CACHE), row.id.label(_ID))
    inner = select(*where, *labels).select_from(expressions.source(row, sorted_by))
    inner = inner.where(condition)
    inner = _first_of_each(inner, checked, [*_ordered(labels, checked.order), row.id])
    rows = parts.each("rows", conditions.attach(inner))
    names = [label.name for label in labels]
    order = _ordered([rows.c[name] for name in names], checked.order)
    first = compiler.limited(select(rows).order_by(*order, rows.c[_CACHE], rows.c[_ID]), checked)
    page = parts.once("page", first)

    conditions = parts.conditions()
    member = conditions.row(checked.sort)
    shown, fields = compiler.page_columns(checked, conditions, member, page)
    source = conditions.expressions.source(member, fields)
    found = select(*shown, page.c[_CACHE], page.c[_ID], *(page.c[name] for name in names))
    found = found.join_from(page, source, member.id == page.c[_ID]).where(conditions.is_here(page))
    rows = parts.each("shown", conditions.attach(found))
    outer = _ordered([rows.c[name] for name in names], checked.order)
    listed = select(*(rows.c[each.name] for each in checked.columns))
    return listed.order_by(*outer, rows.c[_CACHE], rows.c[_ID])


def _grouped(parts: _Parts) -> Rows:
    checked, conditions = parts.checked, parts.conditions()
    row = conditions.row(checked.sort)
    columns = compiler.grouped_columns(checked)
    condition = compiler.holding(checked, conditions, row)
    own = member_rows(conditions, row, checked.group, columns, condition)
    own = own.add_columns(conditions.expressions.cache().label(_CACHE))
    rows = parts.each("rows", conditions.attach(own))
    number = func.row_number().over(order_by=[rows.c[_CACHE], rows.c.row_id])
    numbered = parts.once("numbered", select(rows, number.label("number")))
    member = parts.once("members", with_groups(numbered, checked.group, numbered.c.number))
    measured = {
        each.name: _content_sums(parts, member, each.aggregate)
        for each in columns
        if is_of_sets(each)
    }
    groups = Groups(parts.names, member, columns, measured, is_total=not checked.group)
    keys = [groups.column(item.column) for item in checked.order]
    labels = [key.label(f"sorted_{place}") for place, key in enumerate(keys)]
    found = groups.statement(checked.columns).add_columns(*labels, groups.id.label(_ID))
    whole = parts.once("groups", found)
    order = _ordered([whole.c[label.name] for label in labels], checked.order)
    listed = select(*(whole.c[each.name] for each in checked.columns))
    return compiler.limited(listed.order_by(*order, whole.c[_ID]), checked)


def _content_sums(parts: _Parts, member: TableClause, aggregate: str | None) -> TableClause:
    """Sum the bytes of groups in each cache, and then over the caches: each has its own files."""
    conditions = parts.conditions()
    names = conditions.names
    here = select(member.c.group_id, member.c.content, member.c.row_id)
    own = here.where(conditions.is_here(member)).cte(names.next("own"))
    sums = ContentSums(
        names, own, parts.checked.sort, is_everything=parts.checked.condition is None
    ).of(aggregate)
    every = parts.each("sums", select(sums.c.root, sums.c.bytes))
    whole = select(every.c.root, func.sum(every.c.bytes).label("bytes")).group_by(every.c.root)
    return parts.once("bytes", whole)


def _ordered(keys: list[Any], items: tuple[SortKey, ...]) -> list[UnaryExpression[Any]]:
    return [compiler.ordered(key, item) for key, item in zip(keys, items, strict=True)]


def _first_of_each(found: Rows, checked: CheckedQuery, order: list[Any]) -> Rows:
    """Leave out the rows of a cache that cannot be on the page."""
    if checked.limit is None:
        return found
    most: ColumnElement[int] = cast(parameter(checked.limit), BigInteger)
    if checked.offset is not None:
        most = most + cast(parameter(checked.offset), BigInteger)
    return found.order_by(*order).limit(most)
