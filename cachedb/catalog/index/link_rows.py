"""Links in the catalog: inserted, loaded and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cachedb.catalog.enums import Role
from cachedb.catalog.index.texts import pairs
from cachedb.catalog.statement import many
from cachedb.catalog.statements.index import documents, links

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from cachedb.catalog.executor import Connection
    from cachedb.catalog.index.blob_rows import BlobRow, NewLink
    from cachedb.catalog.statement import BoundList


def insert_documents(
    connection: Connection,
    documents_put: Iterable[tuple[BlobRow, Mapping[str, str]]],
    *,
    may_have_edges: bool,
) -> None:
    """Insert the links, edges and annotations of documents; the rows of their blobs are stored.

    With `may_have_edges`, an edge may exist already: a subject and an index can claim the same
    one.
    """
    key = connection.value(links.NEXT_ID) or 1
    rows: list[tuple[Any, ...]] = []
    notes: list[tuple[Any, ...]] = []
    own_notes: list[tuple[Any, ...]] = []
    edges: set[tuple[int, int]] = set()
    for parent, said in documents_put:
        if said:
            own_notes += [(parent.id, *pair) for pair in pairs(said)]
        for one in parent.links:
            rows.append(_values(key, parent.id, one))
            if one.annotations:
                notes += [(key, *pair) for pair in pairs(one.annotations)]
            edges.add(edge_of(parent.id, one.child.id, one.role or 0))
            key += 1
    if may_have_edges and edges:
        edges -= edges_from(connection, {parent for parent, _ in edges})
    connection.insert(links.INSERT, rows)
    connection.insert(links.INSERT_EDGES, sorted(edges))
    connection.insert(links.INSERT_ANNOTATIONS, notes)
    connection.insert(documents.INSERT_ANNOTATIONS, own_notes)


def delete_documents(connection: Connection, ids: Collection[int]) -> set[int]:
    """Delete the rows of documents and configurations; return the ids of their children."""
    if not ids:
        return set()
    listed = many(ids)
    rows = connection.rows(links.OF_PARENTS, ids=listed)
    delete_said(connection, listed)
    _delete_edges(connection, {edge_of(*row) for row in rows})
    return {row.child_id for row in rows}


def delete_said(connection: Connection, ids: BoundList) -> None:
    """Delete the links of documents, and what they and configurations say of themselves."""
    for statement in (
        links.DELETE_ANNOTATIONS,
        links.DELETE,
        documents.DELETE_ANNOTATIONS,
        documents.DELETE_LABELS,
        documents.DELETE_ENV,
        documents.DELETE_CONFIGS,
    ):
        connection.write(statement, ids=ids)


def edge_of(parent: int, child: int, role: int) -> tuple[int, int]:
    """Return owner and owned of a link: a subject owns its referrer."""
    return (child, parent) if role == Role.SUBJECT else (parent, child)


def edges_from(connection: Connection, ids: Iterable[int]) -> set[tuple[int, int]]:
    """Return the edges that lead from some blobs."""
    return {
        (row.parent_id, row.child_id) for row in connection.each(links.EDGES_FROM, ids=many(ids))
    }


def _values(key: int, parent: int, one: NewLink) -> tuple[Any, ...]:
    return (
        key, parent, one.child.id, int(one.role or 0), one.position, one.media_type, one.size,
        one.platform_id, one.artifact_type, int(one.is_embedded),
    )  # fmt: skip


def _delete_edges(connection: Connection, pairs: set[tuple[int, int]]) -> None:
    """Delete edges, except those that another link still claims."""
    ends = many({key for pair in pairs for key in pair})
    claimed = {edge_of(*row) for row in connection.each(links.OF_PARENTS, ids=ends)}
    connection.write_each(
        links.DELETE_EDGE,
        [{"parent": parent, "child": child} for parent, child in pairs - claimed],
    )
