"""Statements on the user state of names and blobs: pins, uses, verification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, delete, func, insert, not_, or_, select, update

from cachedb.catalog.enums import State
from cachedb.catalog.queries.definition import among_texts, defines
from cachedb.catalog.schema import (
    blob,
    lease,
    lease_item,
    pin,
    ref,
    ref_annotation,
    repository_blob,
)
from cachedb.catalog.statements import user_state

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Delete, Insert, Select, Update


@defines(user_state.NAMES)
def names() -> Select[*tuple[Any, ...]]:
    """Select the user state of names."""
    columns = (ref.c[name] for name in user_state.NameState._fields[1:])
    return select(blob.c.digest, *columns).join(blob, blob.c.id == ref.c.target_id)


@defines(user_state.HASHED)
def hashed() -> Select[*tuple[Any, ...]]:
    """Select the files that were hashed and found intact."""
    return select(blob.c.digest, blob.c.size, blob.c.touched, blob.c.verified).where(
        blob.c.verified.is_not(None)
    )


@defines(user_state.CORRUPT)
def corrupt() -> Select[*tuple[Any, ...]]:
    """Select the files that were found corrupt."""
    return select(blob.c.digest, blob.c.size, blob.c.touched, blob.c.problem).where(
        blob.c.state == int(State.CORRUPT)
    )


@defines(user_state.REPOSITORIES)
def repositories() -> Select[*tuple[Any, ...]]:
    """Select the repositories that were seen to hold blobs, with these blobs."""
    return select(blob.c.digest, repository_blob.c.repository, repository_blob.c.seen).join(
        blob, blob.c.id == repository_blob.c.blob_id
    )


@defines(user_state.LEASES)
def leases() -> Select[*tuple[Any, ...]]:
    """Select every lease."""
    return select(*(lease.c[name] for name in user_state.LeaseRow._fields))


@defines(user_state.LEASE_ITEMS)
def lease_items() -> Select[str, str]:
    """Select the digests that every lease holds."""
    return select(lease_item.c.lease_id, lease_item.c.digest)


@defines(user_state.IDS)
def ids() -> Select[str, int]:
    """Select the ids of digests."""
    return select(blob.c.digest, blob.c.id).where(among_texts(blob.c.digest, "digests"))


@defines(user_state.SET_NAME)
def set_name() -> Update:
    """Update the user state of one name."""
    values: dict[str, Any] = {
        name: func.coalesce(bindparam(name), ref.c[name])
        for name in user_state.NameState._fields[2:]
    }
    return (
        update(ref)
        .where(
            ref.c.target_id == bindparam("target_id"),
            ref.c.name.is_not_distinct_from(bindparam("name")),
        )
        .values(**values)
    )


@defines(user_state.SET_TIMES)
def set_times() -> Update:
    """Update the times of the last use and pull of the refs of a name."""
    return (
        update(ref)
        .where(ref.c.name == bindparam("name"))
        .values(used=_later(ref.c.used, "used"), pulled=_later(ref.c.pulled, "pulled"))
    )


@defines(user_state.SET_USED)
def set_used() -> Update:
    """Update the time of the last use of the refs of a target."""
    target = select(blob.c.id).where(blob.c.digest == bindparam("digest")).scalar_subquery()
    return update(ref).where(ref.c.target_id == target).values(used=_later(ref.c.used, "used"))


@defines(user_state.PINS)
def pins() -> Select[str]:
    """Select every pin."""
    return select(pin.c.key).order_by(pin.c.key)


@defines(user_state.INSERT_PINS)
def insert_pins() -> Insert:
    """Insert pins."""
    return insert(pin)


@defines(user_state.DELETE_PINS)
def delete_pins() -> Delete:
    """Delete pins."""
    return delete(pin).where(among_texts(pin.c.key, "keys"))


@defines(user_state.MARK_PINNED)
def mark_pinned() -> Update:
    """Mark the refs that have a pin."""
    return update(ref).where(ref.c.pinned == 0, _has_pin()).values(pinned=1)


@defines(user_state.CLEAR_PINNED)
def clear_pinned() -> Update:
    """Clear the mark of the refs that have neither a pin nor the annotation."""
    annotated = select(ref_annotation.c.ref_id).where(
        ref_annotation.c.key == bindparam("annotation")
    )
    return (
        update(ref)
        .where(ref.c.pinned != 0, not_(_has_pin()), ref.c.id.not_in(annotated))
        .values(pinned=0)
    )


@defines(user_state.SET_VERIFIED)
def set_verified() -> Update:
    """Update the time at which a file was hashed."""
    return update(blob).where(*_same_file()).values(verified=bindparam("verified"))


@defines(user_state.SET_CORRUPT)
def set_corrupt() -> Update:
    """Update that a file is corrupt."""
    return (
        update(blob)
        .where(*_same_file(), blob.c.parsed == 0)
        .values(state=int(State.CORRUPT), problem=bindparam("problem"))
    )


@defines(user_state.INSERT_REPOSITORIES)
def insert_repositories() -> Insert:
    """Insert repositories that were seen to hold blobs."""
    return insert(repository_blob)


def _same_file() -> tuple[ColumnElement[bool], ...]:
    return (
        blob.c.digest == bindparam("digest"),
        blob.c.size == bindparam("size"),
        blob.c.touched == bindparam("touched"),
    )


def _later(column: ColumnElement[int | None], name: str) -> ColumnElement[int | None]:
    moment = bindparam(name, type_=column.type)
    return case((or_(column.is_(None), column < moment), moment), else_=column)


def _has_pin() -> ColumnElement[bool]:
    """Return the condition that a ref has a pin: by its name, else by its digest."""
    targets = select(blob.c.id).where(blob.c.digest.in_(select(pin.c.key)))
    return or_(
        ref.c.name.in_(select(pin.c.key)),
        and_(ref.c.name.is_(None), ref.c.target_id.in_(targets)),
    )
