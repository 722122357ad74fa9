"""Statements on declarations of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from cachedb.catalog.enums import Kind, Role, State
from cachedb.catalog.queries import graph
from cachedb.catalog.queries.blobs import has_state
from cachedb.catalog.queries.definition import among_ids, defines
from cachedb.catalog.schema import blob, link, ref
from cachedb.catalog.statements import validation

if TYPE_CHECKING:
    from sqlalchemy import Select


@defines(validation.FAULTS)
def faults() -> Select[*tuple[Any, ...]]:
    """Select the faulty parts of manifests."""
    return (
        select(link.c.parent_id, blob.c.digest, blob.c.state)
        .join(blob, blob.c.id == link.c.child_id)
        .where(
            among_ids(link.c.parent_id, "parents"),
            link.c.role.in_([int(Role.CONFIG), int(Role.LAYER)]),
            has_state(State.MISSING, State.CORRUPT, State.ABSENT),
        )
        .order_by(link.c.parent_id, link.c.role, link.c.position)
    )


@defines(validation.MISDECLARED)
def misdeclared() -> Select[*tuple[Any, ...]]:
    """Select the sizes that some documents declare wrongly."""
    return _misdeclared().where(among_ids(link.c.parent_id, "parents"))


@defines(validation.CONFIG_PROBLEMS)
def config_problems() -> Select[*tuple[Any, ...]]:
    """Select the problems of the configs of manifests."""
    return (
        select(link.c.parent_id.label("id"), blob.c.problem)
        .join(blob, blob.c.id == link.c.child_id)
        .where(
            among_ids(link.c.parent_id, "parents"),
            link.c.role == int(Role.CONFIG),
            blob.c.kind == int(Kind.CONFIG),
            blob.c.problem.is_not(None),
        )
        .order_by(link.c.parent_id)
    )


@defines(validation.MISDECLARED_REFERENCED)
def misdeclared_referenced() -> Select[*tuple[Any, ...]]:
    """Select the sizes that referenced documents declare wrongly."""
    live = graph.reachable("live")
    return _misdeclared().where(link.c.parent_id.in_(select(live.c.id)))


@defines(validation.MISDECLARED_REFS)
def misdeclared_refs() -> Select[*tuple[Any, ...]]:
    """Select the sizes that index.json declares wrongly."""
    return (
        select(
            ref.c.id,
            ref.c.name,
            blob.c.digest,
            blob.c.size,
            ref.c.size.label("declared"),
        )
        .join(blob, blob.c.id == ref.c.target_id)
        .where(blob.c.state == int(State.PRESENT), blob.c.size != ref.c.size)
        .order_by(ref.c.position)
    )


@defines(validation.MISDECLARED_REFS_OF)
def misdeclared_refs_of() -> Select[*tuple[Any, ...]]:
    """Select the sizes of some blobs that index.json declares wrongly."""
    return misdeclared_refs().where(among_ids(ref.c.target_id, "targets"))


@defines(validation.PROBLEMS)
def problems() -> Select[int, str | None]:
    """Select the problems of documents."""
    return select(blob.c.id, blob.c.problem).where(
        among_ids(blob.c.id, "targets"), blob.c.problem.is_not(None)
    )


def _misdeclared() -> Select[*tuple[Any, ...]]:
    parent = blob.alias("parent")
    return (
        select(
            link.c.parent_id,
            parent.c.digest.label("parent_digest"),
            blob.c.digest,
            blob.c.size,
            link.c.size.label("declared"),
        )
        .join(blob, blob.c.id == link.c.child_id)
        .join(parent, parent.c.id == link.c.parent_id)
        .where(blob.c.state == int(State.PRESENT), blob.c.size != link.c.size)
        .order_by(link.c.parent_id, link.c.position)
    )
