"""Statements of reconciliation on rows of `ref`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from cachedb.catalog.queries.definition import defines, each_id
from cachedb.catalog.schema import ref, ref_annotation
from cachedb.catalog.statements.index import stored_refs

if TYPE_CHECKING:
    from sqlalchemy import Delete, Insert, Select, Update


@defines(stored_refs.ALL)
def every() -> Select[*tuple[Any, ...]]:
    """Select every ref."""
    columns = (ref.c[name] for name in stored_refs.StoredRef._fields)
    return select(*columns).order_by(ref.c.position)


@defines(stored_refs.NEXT_ID)
def next_id() -> Select[int]:
    """Select one more than the largest id."""
    return select((func.coalesce(func.max(ref.c.id), 0) + 1).label("next_id"))


@defines(stored_refs.INSERT)
def insert_refs() -> Insert:
    """Insert refs."""
    return insert(ref)


@defines(stored_refs.UPDATE)
def update_ref() -> Update:
    """Update one ref."""
    values: dict[str, Any] = {name: bindparam(name) for name in stored_refs.INSERT.columns[1:]}
    return update(ref).where(ref.c.id == bindparam("row_id")).values(**values)


@defines(stored_refs.MOVE)
def move_ref() -> Update:
    """Update the position of one ref."""
    return (
        update(ref).where(ref.c.id == bindparam("row_id")).values(position=bindparam("position"))
    )


@defines(stored_refs.DELETE)
def delete_refs() -> Delete:
    """Delete refs."""
    return delete(ref).where(ref.c.id.in_(each_id("ids")))


@defines(stored_refs.INSERT_ANNOTATIONS)
def insert_annotations() -> Insert:
    """Insert annotations of refs."""
    return insert(ref_annotation)


@defines(stored_refs.DELETE_ANNOTATIONS)
def delete_annotations() -> Delete:
    """Delete the annotations of refs."""
    return delete(ref_annotation).where(ref_annotation.c.ref_id.in_(each_id("ids")))
