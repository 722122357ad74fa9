"""Counts of related members, as subqueries on a row.

Counted members are joined and tested in the subquery: a lookup in a set would make SQLite scan the
whole set for every row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, case, func, select, true

from cachedb.catalog.enums import Kind, Role
from cachedb.catalog.schema import blob, blob_package, edge, link, ref
from cachedb.query.semantics.describe import describe
from cachedb.query.semantics.typed import (
    Complement,
    CountTest,
    FieldTest,
    Intersection,
    SelectorTest,
    Union,
    children,
)
from cachedb.query.sql import files
from cachedb.query.sql.expressions import aliased
from cachedb.query.words import Sort
from cachedb.records import Record

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause

    from cachedb.query.semantics.typed import TypedExpression
    from cachedb.query.sql.conditions import ConditionBuilder
    from cachedb.query.sql.expressions import Row


def count(conditions: ConditionBuilder, found: CountTest, row: Row) -> ColumnElement[int]:
    """Count the distinct members that are related to a row."""
    inner = conditions.row(found.relation.to)
    way = _join(conditions, found, row)
    tests: list[ColumnElement[bool]] = []
    if found.relation.kind is not None:
        tests.append(inner.table.c.kind == int(Kind[found.relation.kind.upper()]))
    if found.operand is not None:
        tests.append(_holds(conditions, found.operand, inner))
    if not tests:
        return _counted(row, way, way.key, way.source)
    # Inside of CASE, so that the test does not make SQLite begin with all blobs of a kind.
    source = way.source.join(inner.table, inner.id == way.key)
    return _counted(row, way, case((and_(*tests), inner.id)), source)


def _holds(
    conditions: ConditionBuilder, operand: TypedExpression, inner: Row
) -> ColumnElement[bool]:
    """Test counted members; a nested count is materialised as a CTE."""
    if not is_walked_per_row(operand):
        return conditions.holds(operand, inner)
    members = conditions.set("counted", conditions.ids(operand), operand, describe(operand))
    return inner.id.in_(select(members.c.id))


def is_walked_per_row(found: TypedExpression) -> bool:
    """Return whether a condition is a subquery on every row rather than a set."""
    match found:
        case Complement() | SelectorTest() | Intersection() | Union():
            return any(map(is_walked_per_row, children(found)))
        case CountTest():
            return True
        case FieldTest():
            return found.field.computed and found.field.name != "exclusive"
        case _:
            return False


def _counted(
    row: Row, way: _Join, what: ColumnElement[int], source: FromClause
) -> ColumnElement[int]:
    number = func.count(what.distinct() if way.repeats else what)
    statement = select(number).select_from(source).where(way.here)
    return statement.correlate(row.table).scalar_subquery()


class _Join(Record):
    """A path from a row to related members: the ids `key` of `source` where `here` holds."""

    source: FromClause
    key: ColumnElement[int]
    here: ColumnElement[bool]
    repeats: bool = False


def _join(conditions: ConditionBuilder, found: CountTest, row: Row) -> _Join:
    relation = found.relation
    if Sort.FILE in {relation.sort, relation.to}:
        return _of_files(conditions, found, row)
    if relation.contained or (relation.sort, relation.name) == (Sort.REF, "referrer"):
        return _inside(conditions, relation.name, row)
    if relation.sort is Sort.BLOB:
        return _one_step(relation.name, row)
    if relation.sort is Sort.PACKAGE:
        here = blob_package.c.package_id == row.id
        return _Join(source=blob_package, key=blob_package.c.blob_id, here=here, repeats=True)
    # A relation that every row has: it is counted from its own table.
    column = "target_id" if relation.sort is Sort.REF else f"{relation.name}_id"
    there = aliased(blob, conditions.names.next("b"))
    return _Join(source=there, key=there.c.id, here=there.c.id == row.table.c[column])


def _of_files(conditions: ConditionBuilder, found: CountTest, row: Row) -> _Join:
    relation, name = found.relation, conditions.names.next("pairs")
    if relation.sort is Sort.FILE:
        make = files.held_pairs if relation.name == "layer" else files.shown_pairs
        pairs = make(name)
        here = pairs.c.entry_id == row.id
        return _Join(source=pairs, key=pairs.c.holder_id, here=here, repeats=True)
    if relation.sort is Sort.BLOB:
        pairs = files.direct_pairs(name)
        here = pairs.c.holder_id == row.id
        return _Join(source=pairs, key=pairs.c.entry_id, here=here, repeats=True)
    walk = conditions.expressions.inside(row)
    pairs = files.shown_pairs(name)
    shown = walk.join(pairs, pairs.c.holder_id == walk.c.id)
    return _Join(source=shown, key=pairs.c.entry_id, here=true(), repeats=True)


def _inside(conditions: ConditionBuilder, name: str, row: Row) -> _Join:
    walk = conditions.expressions.inside(row)
    if name == "package":
        held = walk.join(blob_package, blob_package.c.blob_id == walk.c.id)
        return _Join(source=held, key=blob_package.c.package_id, here=true(), repeats=True)
    if name == "referrer":
        about = (link.c.child_id == walk.c.id) & (link.c.role == int(Role.SUBJECT))
        joined = walk.join(link, about)
        return _Join(source=joined, key=link.c.parent_id, here=true(), repeats=True)
    return _Join(source=walk, key=walk.c.id, here=true())


def _one_step(name: str, row: Row) -> _Join:
    is_subject = link.c.role == int(Role.SUBJECT)
    match name:
        case "ref":
            return _Join(source=ref, key=ref.c.id, here=ref.c.target_id == row.id)
        case "link":
            return _Join(source=link, key=link.c.id, here=link.c.child_id == row.id)
        case "child":
            return _Join(source=edge, key=edge.c.child_id, here=edge.c.parent_id == row.id)
        case "parent":
            return _Join(source=edge, key=edge.c.parent_id, here=edge.c.child_id == row.id)
        case "subject":
            here = (link.c.parent_id == row.id) & is_subject
            return _Join(source=link, key=link.c.child_id, here=here, repeats=True)
        case _:
            here = (link.c.child_id == row.id) & is_subject
            return _Join(source=link, key=link.c.parent_id, here=here, repeats=True)
