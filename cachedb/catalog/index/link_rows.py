"""What the database knows of links: asked only about blobs that had a row before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, exists, select

from cachedb.catalog.batches import chunks
from cachedb.catalog.enums import Role
from cachedb.catalog.schema import annotation, config, edge, env, label, link, link_annotation
from cachedb.oci import attestation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Row

    from cachedb.catalog.executor import Connection

_CONTENT = (int(Role.CONFIG), int(Role.LAYER))


def layers_to(connection: Connection, ids: Iterable[int]) -> Iterator[Row[*tuple[Any, ...]]]:
    """Yield what links to layers say, each saying once: many images share a base."""
    for batch in chunks(ids):
        yield from connection.execute(
            select(link.c.child_id, link.c.media_type, link.c.size, link.c.embedded)
            .where(link.c.child_id.in_(batch), link.c.role == int(Role.LAYER))
            .distinct()
        )


def others_to(connection: Connection, ids: Iterable[int]) -> Iterator[Row[*tuple[Any, ...]]]:
    """Yield the links to blobs, but for those to layers."""
    is_attestation = exists(
        select(1).where(
            link_annotation.c.link_id == link.c.id,
            link_annotation.c.key == attestation.REFERENCE_TYPE,
            link_annotation.c.value == attestation.ATTESTATION_MANIFEST,
        )
    )
    for batch in chunks(ids):
        yield from connection.execute(
            select(
                link.c.child_id,
                link.c.parent_id,
                link.c.role,
                link.c.media_type,
                link.c.size,
                link.c.platform_id,
                link.c.embedded,
                is_attestation.label("is_attestation"),
            ).where(link.c.child_id.in_(batch), link.c.role != int(Role.LAYER))
        )


def manifests_of(connection: Connection, ids: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the manifests that indexes list, as pairs of ids."""
    for batch in chunks(ids):
        yield from connection.execute(
            select(link.c.parent_id, link.c.child_id)
            .where(link.c.parent_id.in_(batch), link.c.role == int(Role.MANIFEST))
            .distinct()
        )


def content_of(connection: Connection, ids: Iterable[int]) -> Iterator[Row[int, int, int, str]]:
    """Yield the links of manifests to their config and their layers."""
    for batch in chunks(ids):
        yield from connection.execute(
            select(link.c.parent_id, link.c.child_id, link.c.role, link.c.media_type).where(
                link.c.parent_id.in_(batch), link.c.role.in_(_CONTENT)
            )
        )


def forget_documents(connection: Connection, ids: Iterable[int]) -> set[int]:
    """Delete what documents and configurations say; returns the ids of those they pointed at."""
    children: set[int] = set()
    for batch in chunks(ids):
        links = connection.execute(_pairs(batch)).all()
        children.update(child for _, child, _ in links)
        own = select(link.c.id).where(link.c.parent_id.in_(batch))
        connection.execute(delete(link_annotation).where(link_annotation.c.link_id.in_(own)))
        connection.execute(delete(link).where(link.c.parent_id.in_(batch)))
        for table in (annotation, label, env, config):
            connection.execute(delete(table).where(table.c.blob_id.in_(batch)))
        _forget_edges(connection, {edge_of(*one) for one in links})
    return children


def edge_of(parent: int, child: int, role: int) -> tuple[int, int]:
    """Return which of the two keeps the other: a subject keeps what is about it."""
    return (child, parent) if role == Role.SUBJECT else (parent, child)


def edges_from(connection: Connection, ids: Iterable[int]) -> set[tuple[int, int]]:
    """Return the edges that lead from some blobs."""
    return {
        pair
        for batch in chunks(ids)
        for pair in connection.execute(
            select(edge.c.parent_id, edge.c.child_id).where(edge.c.parent_id.in_(batch))
        )
    }


def _forget_edges(connection: Connection, pairs: set[tuple[int, int]]) -> None:
    """Delete edges, but for those that another link still claims."""
    gone = set(pairs)
    for batch in chunks({key for pair in pairs for key in pair}):
        gone -= {edge_of(*one) for one in connection.execute(_pairs(batch))}
    if gone:
        connection.execute(
            delete(edge).where(
                edge.c.parent_id == bindparam("parent"), edge.c.child_id == bindparam("child")
            ),
            [{"parent": parent, "child": child} for parent, child in gone],
        )


def _pairs(batch: list[int]) -> Any:
    return select(link.c.parent_id, link.c.child_id, link.c.role).where(
        link.c.parent_id.in_(batch)
    )
