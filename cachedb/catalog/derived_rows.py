"""Facts: what the rows say that is a function of the files; no ids, no hints.

Two catalogs that stand for the same files have the same facts, whatever has happened to either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from cachedb.catalog.enums import Kind, Role, State
from cachedb.catalog.schema import blob, edge, link, platform, ref

if TYPE_CHECKING:
    from cachedb.catalog.executor import Connection

Fact = tuple[Any, ...]


def facts(connection: Connection) -> set[Fact]:
    """Return every fact; the first element says what it is about, the second names a blob.

    That a blob is corrupt may be known only to the catalog that was there when it was hashed, so
    corrupt counts as present. A row that is missing shows as None.
    """
    platforms = {
        row.id: (row.os, row.architecture, row.variant, row.os_version)
        for row in connection.execute(select(platform))
    }
    digests: dict[int, str] = {}
    found: set[Fact] = set()
    for row in connection.execute(select(blob)):
        digests[row.id] = row.digest
        state = State.PRESENT if row.state == State.CORRUPT else State(row.state)
        found.add(
            ("blob", row.digest, Kind(row.kind).name, state.name, row.media_type,
             platforms.get(row.platform_id))
        )  # fmt: skip
    for row in connection.execute(select(link)):
        found.add(
            ("link", digests.get(row.parent_id), Role(row.role).name, row.position,
             digests.get(row.child_id), row.media_type, row.size, platforms.get(row.platform_id),
             row.embedded)
        )  # fmt: skip
    for parent, child in connection.execute(select(edge.c.parent_id, edge.c.child_id)):
        found.add(("edge", digests.get(parent), digests.get(child)))
    for row in connection.execute(select(ref)):
        found.add(
            ("ref", digests.get(row.target_id), row.name, row.position, row.entry, row.pinned)
        )
    return found


def files(connection: Connection) -> dict[str, tuple[int, int]]:
    """Return which file each blob is taken for: its size, and when it was touched."""
    rows = connection.execute(
        select(blob.c.digest, blob.c.size, blob.c.touched).where(blob.c.touched.is_not(None))
    )
    return {digest: (size, touched or 0) for digest, size, touched in rows}


def faults(connection: Connection) -> list[str]:
    """Return what SQLite itself finds wrong with the database."""
    checked = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
    dangling = connection.exec_driver_sql("PRAGMA foreign_key_check")
    return [
        *(line for line in checked if line != "ok"),
        *(f"row {row[1]} of {row[0]} points at no row of {row[2]}" for row in dangling),
    ]
