"""Derived rows of a catalog without ids, so that two catalogs can be compared.

Two catalogs of the same files have equal derived rows, whatever their histories are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cachedb.catalog import codecs
from cachedb.catalog.enums import State
from cachedb.catalog.statements.index import derived_rows, documents, stored_blobs

if TYPE_CHECKING:
    from cachedb.catalog.executor import Connection

Fact = tuple[Any, ...]


def facts(connection: Connection) -> set[Fact]:
    """Return every derived row; the first element says of which table, the second names a blob.

    Only the catalog that existed when a blob was hashed may record that it is corrupt, so corrupt
    counts as present. A row that is missing shows as None.
    """
    platforms = {row.id: tuple(row[1:]) for row in connection.each(documents.PLATFORMS)}
    digests: dict[int, str] = {}
    found: set[Fact] = set()
    for blob in connection.each(derived_rows.BLOBS):
        digests[blob.id] = blob.digest
        state = codecs.state(blob.state)
        state = State.PRESENT if state is State.CORRUPT else state
        found.add(
            ("blob", blob.digest, codecs.kind(blob.kind).name, state.name, blob.media_type,
             platforms.get(blob.platform_id or 0))
        )  # fmt: skip
    for link in connection.each(derived_rows.LINKS):
        found.add(
            ("link", digests.get(link.parent_id), codecs.role(link.role).name, link.position,
             digests.get(link.child_id), link.media_type, link.size,
             platforms.get(link.platform_id or 0), link.embedded)
        )  # fmt: skip
    for edge in connection.each(derived_rows.EDGES):
        found.add(("edge", digests.get(edge.parent_id), digests.get(edge.child_id)))
    for ref in connection.each(derived_rows.REFS):
        found.add(
            ("ref", digests.get(ref.target_id), ref.name, ref.position, ref.entry, ref.pinned)
        )
    return found


def files(connection: Connection) -> dict[str, tuple[int, int]]:
    """Return the recorded file of each blob: its size, and its time in nanoseconds."""
    return {row.digest: (row.size, row.touched) for row in connection.each(stored_blobs.FILES)}
