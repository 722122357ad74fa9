"""Statements on links and edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from cachedb.catalog.enums import Role, State
from cachedb.catalog.queries import graph
from cachedb.catalog.queries.definition import among_ids, among_texts, defines
from cachedb.catalog.schema import blob, edge, link
from cachedb.catalog.statements import links

if TYPE_CHECKING:
    from sqlalchemy import Select


@defines(links.CLAIMS)
def claims() -> Select[str, int]:
    """Select the claims of documents about a blob."""
    return select(link.c.media_type, link.c.size).where(link.c.child_id == bindparam("blob_id"))


@defines(links.CHILDREN)
def children() -> Select[*tuple[Any, ...]]:
    """Select the descriptors in documents."""
    return (
        select(link.c.parent_id, link.c.child_id, link.c.role, link.c.platform_id)
        .where(among_ids(link.c.parent_id, "parents"), link.c.role != int(Role.SUBJECT))
        .order_by(link.c.parent_id, link.c.role, link.c.position)
    )


@defines(links.REFERRERS)
def referrers() -> Select[*tuple[Any, ...]]:
    """Select the referrers of documents."""
    about, named = blob.alias("about"), blob.alias("named")
    subjects = select(named.c.id).where(among_texts(named.c.digest, "digests"))
    return (
        select(about.c.digest.label("subject"), blob.c.digest, blob.c.media_type, blob.c.size)
        .join_from(blob, link, link.c.parent_id == blob.c.id)
        .join(about, about.c.id == link.c.child_id)
        .where(
            link.c.child_id.in_(subjects),
            link.c.role == int(Role.SUBJECT),
            blob.c.state == int(State.PRESENT),
        )
        .order_by(blob.c.digest)
    )


@defines(links.EDGES)
def edges() -> Select[int, int]:
    """Select the edges down from documents."""
    return (
        select(edge.c.parent_id, edge.c.child_id)
        .where(among_ids(edge.c.parent_id, "parents"))
        .order_by(edge.c.parent_id, edge.c.child_id)
    )


@defines(links.EDGES_ABOVE)
def edges_above() -> Select[int, int]:
    """Select the edges into a blob and into its ancestors."""
    above = graph.ancestors(select(blob.c.id).where(blob.c.id == bindparam("blob_id")), "above")
    return (
        select(edge.c.parent_id, edge.c.child_id)
        .where(edge.c.child_id.in_(select(above.c.id)))
        .order_by(edge.c.parent_id)
    )


@defines(links.OWNERS)
def owners() -> Select[int]:
    """Select the documents that have an edge down."""
    return select(edge.c.parent_id).where(among_ids(edge.c.parent_id, "parents")).distinct()
