"""Statements of reconciliation on rows of `ref`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update

from cachedb.catalog.queries.definition import among_ids, defines
from cachedb.catalog.schema import blob, ref, ref_annotation
from cachedb.catalog.statements.index import stored_refs
from cachedb.oci.names.cosign_tag import SUFFIXES
from cachedb.oci.names.entry_name import KIND

if TYPE_CHECKING:
    from sqlalchemy import Delete, Insert, Select, Update


@defines(stored_refs.ALL)
def every() -> Select[*tuple[Any, ...]]:
    """Select every ref."""
    columns = (ref.c[name] for name in stored_refs.StoredRef._fields)
    return select(*columns).order_by(ref.c.position)


@defines(stored_refs.BETWEEN)
def between() -> Select[*tuple[Any, ...]]:
    """Select the refs of a range of positions."""
    return every().where(ref.c.position >= bindparam("first"), ref.c.position < bindparam("end"))


@defines(stored_refs.ON_TARGETS)
def on_targets() -> Select[*tuple[Any, ...]]:
    """Select what refs declare about some blobs."""
    columns = (ref.c[name] for name in stored_refs.RefClaim._fields)
    return select(*columns).where(among_ids(ref.c.target_id, "ids"))


@defines(stored_refs.ATTACHABLE)
def attachable() -> Select[*tuple[Any, ...]]:
    """Select the refs whose names may attach something to an image."""
    is_kind = ref_annotation.c.key == KIND
    marked = select(ref.c.name).join_from(ref, ref_annotation).where(is_kind)
    return (
        select(ref.c.name, blob.c.digest, ref_annotation.c.value.label("kind"))
        .join_from(ref, blob, blob.c.id == ref.c.target_id)
        .outerjoin(ref_annotation, and_(ref_annotation.c.ref_id == ref.c.id, is_kind))
        .where(or_(*map(ref.c.name.endswith, SUFFIXES), ref.c.name.in_(marked)))
    )


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


@defines(stored_refs.SHIFT)
def shift_refs() -> Update:
    """Update the positions from one on."""
    return (
        update(ref)
        .where(ref.c.position >= bindparam("start"))
        .values(position=ref.c.position + bindparam("by"))
    )


@defines(stored_refs.DELETE)
def delete_refs() -> Delete:
    """Delete refs."""
    return delete(ref).where(among_ids(ref.c.id, "ids"))


@defines(stored_refs.INSERT_ANNOTATIONS)
def insert_annotations() -> Insert:
    """Insert annotations of refs."""
    return insert(ref_annotation)


@defines(stored_refs.DELETE_ANNOTATIONS)
def delete_annotations() -> Delete:
    """Delete the annotations of refs."""
    return delete(ref_annotation).where(among_ids(ref_annotation.c.ref_id, "ids"))
