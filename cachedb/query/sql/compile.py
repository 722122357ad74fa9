"""The compiler: from a checked query to one statement.

The statement runs on SQLite and PostgreSQL alike; every value of the query is bound, and every
identifier in it comes from the tables or is made here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVarTuple

from sqlalchemy import Select, and_, func, select, true

from cachedb.catalog.enums import Kind, Role, State
from cachedb.query.messages import error_at
from cachedb.query.semantics import times
from cachedb.query.semantics.check import check
from cachedb.query.sql.conditions import ConditionBuilder
from cachedb.query.sql.grouping import Groups
from cachedb.query.vocabulary import Sort, Type
from cachedb.records import Record

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.sql.elements import UnaryExpression

    from cachedb.query.semantics.typed import CheckedQuery, QueryColumn, SelectorTest, SortKey
    from cachedb.query.sql.cte import NamedSet
    from cachedb.query.sql.expressions import Row
    from cachedb.query.syntax.tree import Query, Span
    from cachedb.query.vocabulary import Field

_Columns = TypeVarTuple("_Columns")
_NUMBERED: Final = {"kind": Kind, "state": State, "role": Role}


class OutputColumn(Record):
    """A column of the answer: its name, and what its values are.

    Times are numbers in the database and datetimes for `read`; kinds, states and roles are
    words. A size is a number of bytes.
    """

    name: str
    type: Type
    column: QueryColumn

    @property
    def unit(self) -> str:
        """What numbers count: bytes, or nothing in particular."""
        return "bytes" if self.type is Type.SIZE else ""

    def read(self, value: Any) -> Any:
        """Turn a value of the database into one for people and programs."""
        if value is None:
            return None
        if self.type is Type.TIME:
            return times.from_microseconds(value)
        if self.type is Type.ENUM and self.name in _NUMBERED:
            return _NUMBERED[self.name](value).name.lower()
        return value


class CompiledQuery(Record):
    """A query as SQL, with what is needed to show the answer and to explain it."""

    select: Select[*tuple[Any, ...]]
    columns: tuple[OutputColumn, ...]
    checked: CheckedQuery
    sets: tuple[NamedSet, ...]


class SelectorCheck(Record):
    """A bare word of a query, and statements about what it stands for.

    `count` counts it; `names` selects the names of the references, or the digests of the blobs,
    in order.
    """

    text: str
    span: Span
    sort: Sort
    count: Select[int]
    names: Select[str]


def compile_query(query: Query, *, now: datetime) -> CompiledQuery:
    """Compile a query into one statement.

    `now` is what ages are counted from; dates are read in its time zone unless the query has one.

    Raises:
        QueryError: The query does not make sense.
    """
    checked = check(query, now=now)
    conditions = ConditionBuilder()
    row = conditions.row(checked.sort)
    if checked.group:
        statement = _grouped(checked, conditions, row)
    else:
        statement = _listed(checked, conditions, row)
    columns = tuple(
        OutputColumn(name=column.name, type=column.type, column=column)
        for column in checked.columns
    )
    return CompiledQuery(
        select=conditions.attach(statement),
        columns=columns,
        checked=checked,
        sets=tuple(conditions.named),
    )


def compile_ids(query: Query, *, now: datetime) -> Select[int]:
    """Select the ids of what a query selects: in its order and its page, if it has them.

    Raises:
        QueryError: The query does not make sense, or groups its rows.
    """
    checked = check(query, now=now)
    if checked.group:
        raise error_at(
            query.clauses.group[0].span, "groups are no rows of their own", "leave it out"
        )
    conditions = ConditionBuilder()
    row = conditions.row(checked.sort)
    condition = _condition(checked, conditions, row)
    keys = [_ordered(*_sort_key(conditions, row, item, {})) for item in checked.order]
    keyed = [item.column.field for item in checked.order if item.column.field is not None]
    source = conditions.expressions.source(row, keyed)
    found = select(row.id.label("id")).select_from(source).where(condition)
    if keys or checked.limit is not None or checked.offset:
        found = found.order_by(*keys, row.id)
    return conditions.attach(_limited(found, checked))


def selectors(query: Query, *, now: datetime) -> tuple[SelectorCheck, ...]:
    """List the bare words of a query that have to stand for something.

    A word inside of `present(…)` may stand for nothing and is not listed.

    Raises:
        QueryError: The query does not make sense.
    """
    return tuple(_selector_check(node) for node in check(query, now=now).selectors())


def _selector_check(node: SelectorTest) -> SelectorCheck:
    conditions = ConditionBuilder()
    row = conditions.row(node.sort)
    condition = conditions.holds(node, row)
    column = row.table.c["name" if node.sort is Sort.REF else "digest"]
    return SelectorCheck(
        text=node.text,
        span=node.span,
        sort=node.sort,
        count=conditions.attach(select(func.count(row.id)).where(condition)),
        names=conditions.attach(select(column).where(condition).order_by(row.id)),
    )


def _condition(
    checked: CheckedQuery, conditions: ConditionBuilder, row: Row
) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = []
    if checked.noun.kind is not None:
        parts.append(row.table.c.kind == int(Kind[checked.noun.kind.upper()]))
    if checked.condition is not None:
        parts.append(conditions.holds(checked.condition, row))
    return and_(*parts) if parts else true()


def _listed(
    checked: CheckedQuery, conditions: ConditionBuilder, row: Row
) -> Select[*tuple[Any, ...]]:
    condition = _condition(checked, conditions, row)
    expressions = conditions.expressions
    shown = {
        column.name: expressions.value(row, column.field).label(column.name)
        for column in checked.columns
        if column.field is not None
    }
    keys = [_sort_key(conditions, row, item, shown) for item in checked.order]
    if _is_worth_a_page(checked):
        return _paged(checked, conditions, row, condition)
    source = expressions.source(row, _fields(checked))
    found = select(*shown.values()).select_from(source).where(condition)
    found = found.order_by(*(_ordered(key, item) for key, item in keys), row.id)
    return _limited(found, checked)


def _sort_key(
    conditions: ConditionBuilder, row: Row, item: SortKey, shown: dict[str, Any]
) -> tuple[ColumnElement[Any], SortKey]:
    field = item.column.field
    assert field is not None
    # What is computed and shown is sorted by the column shown, not by a second computation.
    if field.is_walked and field.name in shown:
        return shown[field.name], item
    return conditions.expressions.sort_key(row, field), item


def _is_worth_a_page(checked: CheckedQuery) -> bool:
    """Whether columns cost a walk per row, which a limit can save for most rows."""
    if checked.limit is None:
        return False
    ordered = {item.column.name for item in checked.order}
    return any(
        column.field is not None and column.field.is_walked and column.name not in ordered
        for column in checked.columns
    )


def _paged(
    checked: CheckedQuery,
    conditions: ConditionBuilder,
    row: Row,
    condition: ColumnElement[bool],
) -> Select[*tuple[Any, ...]]:
    """Cut the page first and work out its columns afterwards."""
    expressions = conditions.expressions
    keys = [_sort_key(conditions, row, item, {}) for item in checked.order]
    labels = [key.label(f"key_{place}") for place, (key, _) in enumerate(keys)]
    keyed = [item.column.field for item in checked.order if item.column.field is not None]
    source = expressions.source(row, keyed)
    inner = select(row.id.label("id"), *labels).select_from(source).where(condition)
    order = [_ordered(label, item) for label, (_, item) in zip(labels, keys, strict=True)]
    page = _limited(inner.order_by(*order, row.id), checked).cte(conditions.names.next("page"))
    member = conditions.row(checked.sort)
    sorted_by = {item.column.name: place for place, item in enumerate(checked.order)}
    shown, fields = [], []
    for column in checked.columns:
        assert column.field is not None
        if column.field.is_walked and column.name in sorted_by:
            value: ColumnElement[Any] = page.c[f"key_{sorted_by[column.name]}"]
        else:
            value = expressions.value(member, column.field)
            fields.append(column.field)
        shown.append(value.label(column.name))
    outer = [_ordered(page.c[f"key_{place}"], item) for place, item in enumerate(checked.order)]
    source = expressions.source(member, fields)
    joined = select(*shown).join_from(page, source, member.id == page.c.id)
    return joined.order_by(*outer, member.id)


def _fields(checked: CheckedQuery) -> list[Field]:
    used = (*checked.columns, *(item.column for item in checked.order))
    return [column.field for column in used if column.field is not None]


def _grouped(
    checked: CheckedQuery, conditions: ConditionBuilder, row: Row
) -> Select[*tuple[Any, ...]]:
    used = (*checked.columns, *(item.column for item in checked.order))
    columns = tuple({column.name: column for column in used}.values())
    groups = Groups(
        conditions,
        row,
        checked.group,
        columns,
        _condition(checked, conditions, row),
        is_everything=checked.condition is None,
    )
    found = groups.statement(checked.columns)
    keys = [_ordered(groups.column(item.column), item) for item in checked.order]
    return _limited(found.order_by(*keys, groups.id), checked)


def _ordered(key: ColumnElement[Any], item: SortKey) -> UnaryExpression[Any]:
    return (key.desc() if item.descending else key.asc()).nulls_last()


def _limited(found: Select[*_Columns], checked: CheckedQuery) -> Select[*_Columns]:
    if checked.limit is not None:
        found = found.limit(checked.limit)
    return found.offset(checked.offset) if checked.offset else found
