"""How many of something a row has, as a subquery on the row.

What is counted is joined and tested where it stands: to look it up in a set would make SQLite
go through the whole set for every row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, case, func, select, true

from cachedb.catalog.schema import Kind, Role, blob_package, edge, link
from cachedb.query.fields import Sort

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause

    from cachedb.query.conditions import Conditions
    from cachedb.query.expressions import Row
    from cachedb.query.typed import Counted


def count(conditions: Conditions, found: Counted, row: Row) -> ColumnElement[int]:
    """Count what is related to one row, each once."""
    inner = conditions.row(found.relation.to)
    here, source = _related(conditions, found, row, inner)
    tests: list[ColumnElement[bool]] = []
    if found.relation.kind is not None:
        tests.append(inner.table.c.kind == int(Kind[found.relation.kind.upper()]))
    if found.operand is not None:
        tests.append(conditions.holds(found.operand, inner))
    # Inside of CASE, where no test can lead SQLite to begin with all blobs of a kind.
    counted = case((and_(*tests), inner.id)) if tests else inner.id
    statement = select(func.count(counted.distinct())).select_from(source).where(here)
    return statement.correlate(row.table).scalar_subquery()


def _related(
    conditions: Conditions, found: Counted, row: Row, inner: Row
) -> tuple[ColumnElement[bool], FromClause]:
    """Return the condition on the row, and what to count the inner rows of."""
    relation = found.relation
    if relation.contained or (relation.sort, relation.name) == (Sort.REF, "referrer"):
        return true(), _inside(conditions, relation.name, row, inner)
    if relation.sort is Sort.BLOB:
        return _one_step(relation.name, row, inner)
    if relation.sort is Sort.PACKAGE:
        source = blob_package.join(inner.table, inner.id == blob_package.c.blob_id)
        return blob_package.c.package_id == row.id, source
    column = "target_id" if relation.sort is Sort.REF else f"{relation.name}_id"
    return inner.id == row.table.c[column], inner.table


def _inside(conditions: Conditions, name: str, row: Row, inner: Row) -> FromClause:
    walk = conditions.expressions.inside(row)
    if name == "package":
        held = walk.join(blob_package, blob_package.c.blob_id == walk.c.id)
        return held.join(inner.table, inner.id == blob_package.c.package_id)
    if name == "referrer":
        about = (link.c.child_id == walk.c.id) & (link.c.role == int(Role.SUBJECT))
        return walk.join(link, about).join(inner.table, inner.id == link.c.parent_id)
    return walk.join(inner.table, inner.id == walk.c.id)


def _one_step(name: str, row: Row, inner: Row) -> tuple[ColumnElement[bool], FromClause]:
    is_subject = link.c.role == int(Role.SUBJECT)
    match name:
        case "ref":
            return inner.table.c.target_id == row.id, inner.table
        case "link":
            return inner.table.c.child_id == row.id, inner.table
        case "child":
            return edge.c.parent_id == row.id, edge.join(inner.table, inner.id == edge.c.child_id)
        case "parent":
            return edge.c.child_id == row.id, edge.join(inner.table, inner.id == edge.c.parent_id)
        case "subject":
            source = link.join(inner.table, inner.id == link.c.child_id)
            return (link.c.parent_id == row.id) & is_subject, source
        case _:
            source = link.join(inner.table, inner.id == link.c.parent_id)
            return (link.c.child_id == row.id) & is_subject, source
