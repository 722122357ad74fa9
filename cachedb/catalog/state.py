"""State of the catalog itself: one text under each key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog.statements import state

if TYPE_CHECKING:
    from cachedb.catalog.executor import Connection


def read(connection: Connection, key: str) -> str | None:
    """Return the text under `key`, or None."""
    return connection.value(state.RECORDED, key=key)


def write(connection: Connection, key: str, value: str) -> None:
    """Replace the text under `key`, inside the caller's transaction."""
    connection.write(state.FORGET, key=key)
    connection.write(state.RECORD, key=key, value=value)
