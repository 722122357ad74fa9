"""Links in the catalog: loaded and deleted for blobs that had a row before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog.enums import Role
from cachedb.catalog.statement import many
from cachedb.catalog.statements.index import documents, links

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from cachedb.catalog.executor import Connection


def delete_documents(connection: Connection, ids: Collection[int]) -> set[int]:
    """Delete what documents and configurations say; return the ids of those they pointed at."""
    if not ids:
        return set()
    listed = many(ids)
    rows = connection.rows(links.OF_PARENTS, ids=listed)
    connection.write(links.DELETE_ANNOTATIONS, ids=listed)
    connection.write(links.DELETE, ids=listed)
    for statement in (
        documents.DELETE_ANNOTATIONS,
        documents.DELETE_LABELS,
        documents.DELETE_ENV,
        documents.DELETE_CONFIGS,
    ):
        connection.write(statement, ids=listed)
    _delete_edges(connection, {edge_of(*row) for row in rows})
    return {row.child_id for row in rows}


def edge_of(parent: int, child: int, role: int) -> tuple[int, int]:
    """Return owner and owned of a link: a subject owns its referrer."""
    return (child, parent) if role == Role.SUBJECT else (parent, child)


def edges_from(connection: Connection, ids: Iterable[int]) -> set[tuple[int, int]]:
    """Return the edges that lead from some blobs."""
    return {
        (row.parent_id, row.child_id) for row in connection.each(links.EDGES_FROM, ids=many(ids))
    }


def _delete_edges(connection: Connection, pairs: set[tuple[int, int]]) -> None:
    """Delete edges, except those that another link still claims."""
    ends = many({key for pair in pairs for key in pair})
    claimed = {edge_of(*row) for row in connection.each(links.OF_PARENTS, ids=ends)}
    connection.write_each(
        links.DELETE_EDGE,
        [{"parent": parent, "child": child} for parent, child in pairs - claimed],
    )
