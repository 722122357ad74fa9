"""How many of something a row has, as a subquery on the row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select, true

from cachedb.catalog.schema import Role, blob_package, edge, link
from cachedb.query.fields import Sort

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

    from cachedb.query.conditions import Conditions
    from cachedb.query.expressions import Row
    from cachedb.query.typed import Counted, TypedExpression


def count(conditions: Conditions, found: Counted, row: Row) -> ColumnElement[int]:
    """Count what is related to one row: a subquery on the row."""
    statement = _countable(conditions, found, row)
    return statement.correlate(row.table).scalar_subquery()


def _countable(conditions: Conditions, found: Counted, row: Row) -> Select[int]:
    relation, operand = found.relation, found.operand
    if relation.contained or (relation.sort, relation.name) == (Sort.REF, "referrer"):
        return _count_inside(conditions, found, row)
    if relation.sort in {Sort.REF, Sort.LINK}:
        column = "target_id" if relation.sort is Sort.REF else f"{relation.name}_id"
        seed = conditions.seed(operand, ())
        return select(func.count()).where(seed.c.id == row.table.c[column])
    if relation.sort is Sort.PACKAGE:
        seed = conditions.seed(operand, ())
        return select(func.count(blob_package.c.blob_id.distinct())).where(
            blob_package.c.package_id == row.id,
            blob_package.c.blob_id.in_(select(seed.c.id)),
        )
    return _count_steps(conditions, relation.name, operand, row)


def _count_inside(conditions: Conditions, found: Counted, row: Row) -> Select[int]:
    walk = conditions.expressions.inside(row)
    name, operand = found.relation.name, found.operand
    below = select(walk.c.id)
    if name == "package":
        fitting = blob_package.c.package_id.in_(conditions.ids(operand)) if operand else true()
        return select(func.count(blob_package.c.package_id.distinct())).where(
            blob_package.c.blob_id.in_(below), fitting
        )
    if name == "referrer":
        seed = conditions.seed(operand, ())
        return select(func.count(link.c.parent_id.distinct())).where(
            link.c.role == int(Role.SUBJECT),
            link.c.child_id.in_(below),
            link.c.parent_id.in_(select(seed.c.id)),
        )
    seed = conditions.seed(operand, (found.relation.kind,) if found.relation.kind else ())
    return select(func.count()).select_from(walk).where(walk.c.id.in_(select(seed.c.id)))


def _count_steps(
    conditions: Conditions, name: str, operand: TypedExpression | None, row: Row
) -> Select[int]:
    if name == "ref":
        inner = conditions.row(Sort.REF)
        here = inner.table.c.target_id == row.id
    elif name == "link":
        inner = conditions.row(Sort.LINK)
        here = inner.table.c.child_id == row.id
    else:
        return _count_blobs(conditions, name, operand, row)
    condition = true() if operand is None else conditions.holds(operand, inner)
    return select(func.count(inner.id)).where(here, condition)


def _count_blobs(
    conditions: Conditions, name: str, operand: TypedExpression | None, row: Row
) -> Select[int]:
    ends: dict[str, tuple[ColumnElement[int], ColumnElement[int], ColumnElement[bool]]] = {
        "child": (edge.c.parent_id, edge.c.child_id, true()),
        "parent": (edge.c.child_id, edge.c.parent_id, true()),
        "subject": (link.c.parent_id, link.c.child_id, link.c.role == int(Role.SUBJECT)),
        "referrer": (link.c.child_id, link.c.parent_id, link.c.role == int(Role.SUBJECT)),
    }
    here, there, kind = ends[name]
    counted = select(func.count(there.distinct())).where(here == row.id, kind)
    if operand is None:
        return counted
    return counted.where(there.in_(select(conditions.seed(operand, ()).c.id)))
