"""Statements on links and edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, exists, func, insert, select

from cachedb.catalog.enums import Role
from cachedb.catalog.queries.definition import among_ids, defines, not_among_ids
from cachedb.catalog.schema import edge, link, link_annotation, ref
from cachedb.catalog.statements.index import links
from cachedb.oci import attestation

if TYPE_CHECKING:
    from sqlalchemy import Delete, Insert, Select

_CONTENT = (int(Role.CONFIG), int(Role.LAYER))


@defines(links.LAYER_CLAIMS)
def layer_claims() -> Select[*tuple[Any, ...]]:
    """Select the claims of links to layers, each once: many images share a base."""
    return (
        select(link.c.child_id, link.c.media_type, link.c.size, link.c.embedded)
        .where(among_ids(link.c.child_id, "ids"), link.c.role == int(Role.LAYER))
        .distinct()
    )


@defines(links.OTHER_CLAIMS)
def other_claims() -> Select[*tuple[Any, ...]]:
    """Select the links to blobs, but for those to layers."""
    is_attestation = exists(
        select(1).where(
            link_annotation.c.link_id == link.c.id,
            link_annotation.c.key == attestation.REFERENCE_TYPE,
            link_annotation.c.value == attestation.ATTESTATION_MANIFEST,
        )
    )
    return select(
        link.c.child_id,
        link.c.parent_id,
        link.c.role,
        link.c.media_type,
        link.c.size,
        link.c.platform_id,
        link.c.embedded,
        is_attestation.label("is_attestation"),
    ).where(among_ids(link.c.child_id, "ids"), link.c.role != int(Role.LAYER))


@defines(links.MANIFESTS)
def manifests() -> Select[int, int]:
    """Select the manifests that indexes list."""
    return (
        select(link.c.parent_id, link.c.child_id)
        .where(among_ids(link.c.parent_id, "ids"), link.c.role == int(Role.MANIFEST))
        .distinct()
    )


@defines(links.CONTENT)
def content() -> Select[*tuple[Any, ...]]:
    """Select the links of manifests to their config and their layers."""
    return select(link.c.parent_id, link.c.child_id, link.c.role, link.c.media_type).where(
        among_ids(link.c.parent_id, "ids"), link.c.role.in_(_CONTENT)
    )


@defines(links.OF_PARENTS)
def of_parents() -> Select[int, int, int]:
    """Select all links of documents."""
    return select(link.c.parent_id, link.c.child_id, link.c.role).where(
        among_ids(link.c.parent_id, "ids")
    )


@defines(links.EDGES_FROM)
def edges_from() -> Select[int, int]:
    """Select the edges that lead from some blobs."""
    return select(edge.c.parent_id, edge.c.child_id).where(among_ids(edge.c.parent_id, "ids"))


@defines(links.CLAIMED_BY_REFS)
def claimed_by_refs() -> Select[int]:
    """Select those blobs at which refs point."""
    return select(ref.c.target_id).where(among_ids(ref.c.target_id, "ids")).distinct()


@defines(links.CLAIMED_BY_OTHERS)
def claimed_by_others() -> Select[int]:
    """Select those blobs to which other documents than their own have a link."""
    return (
        select(link.c.child_id)
        .where(among_ids(link.c.child_id, "ids"), not_among_ids(link.c.parent_id, "ids"))
        .distinct()
    )


@defines(links.REACHED_BY)
def reached_by() -> Select[int]:
    """Select the blobs to which documents have a link."""
    return select(link.c.child_id).where(among_ids(link.c.parent_id, "ids")).distinct()


@defines(links.DELETE_EDGES_FROM)
def delete_edges_from() -> Delete:
    """Delete the edges that lead from some blobs."""
    return delete(edge).where(among_ids(edge.c.parent_id, "ids"))


@defines(links.DELETE_EDGES_TO)
def delete_edges_to() -> Delete:
    """Delete the edges that lead to some blobs."""
    return delete(edge).where(among_ids(edge.c.child_id, "ids"))


@defines(links.NEXT_ID)
def next_id() -> Select[int]:
    """Select one more than the largest id."""
    return select((func.coalesce(func.max(link.c.id), 0) + 1).label("next_id"))


@defines(links.INSERT)
def insert_links() -> Insert:
    """Insert links."""
    return insert(link)


@defines(links.INSERT_EDGES)
def insert_edges() -> Insert:
    """Insert edges."""
    return insert(edge)


@defines(links.INSERT_ANNOTATIONS)
def insert_annotations() -> Insert:
    """Insert annotations of links."""
    return insert(link_annotation)


@defines(links.DELETE_ANNOTATIONS)
def delete_annotations() -> Delete:
    """Delete the annotations of the links of documents."""
    own = select(link.c.id).where(among_ids(link.c.parent_id, "ids"))
    return delete(link_annotation).where(link_annotation.c.link_id.in_(own))


@defines(links.DELETE)
def delete_links() -> Delete:
    """Delete the links of documents."""
    return delete(link).where(among_ids(link.c.parent_id, "ids"))


@defines(links.DELETE_EDGE)
def delete_edge() -> Delete:
    """Delete one edge."""
    return delete(edge).where(
        edge.c.parent_id == bindparam("parent"), edge.c.child_id == bindparam("child")
    )
