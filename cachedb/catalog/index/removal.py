"""Removal of blobs whose files are gone from the catalog, by a fixed number of statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cachedb.catalog.index import sboms
from cachedb.catalog.index.link_rows import delete_said
from cachedb.catalog.statement import many
from cachedb.catalog.statements.index import links, stored_blobs

if TYPE_CHECKING:
    from collections.abc import Collection

    from cachedb.catalog.executor import Connection


class Dropped(NamedTuple):
    """Ids of rows that are to be deleted, digests that keep theirs, and ids they referenced."""

    ids: list[int]
    """Ids of the rows that are to be deleted."""
    claimed: list[str]
    """Digests whose rows stay, because a ref or another document references them."""
    reached: set[int]
    """Ids of the blobs that the deleted documents referenced."""


def drop_unclaimed(connection: Connection, digests: Collection[str]) -> Dropped:
    """Delete links, edges and documents of the blobs that only blobs among `digests` reference.

    None of `digests` has a file. A blob that a ref, or the document of another blob, references
    keeps its row, and is left as it is.
    """
    rows = connection.rows(stored_blobs.NAMES_OF, digests=many(digests))
    listed = many([row.id for row in rows])
    claimed = {*connection.values(links.CLAIMED_BY_REFS, ids=listed)}
    claimed.update(connection.values(links.CLAIMED_BY_OTHERS, ids=listed))
    ids = [row.id for row in rows if row.id not in claimed]
    listed = many(ids)
    reached = set(connection.values(links.REACHED_BY, ids=listed)).difference(ids)
    sboms.forget(connection, ids)
    delete_said(connection, listed)
    connection.write(links.DELETE_EDGES_FROM, ids=listed)
    connection.write(links.DELETE_EDGES_TO, ids=listed)
    return Dropped(ids, [row.digest for row in rows if row.id in claimed], reached)
