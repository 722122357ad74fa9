"""What the catalog knows of itself: one text a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog.statements import state

if TYPE_CHECKING:
    from cachedb.catalog.executor import Connection


def recall(connection: Connection, key: str) -> str | None:
    """Return what was remembered under `key`."""
    return connection.value(state.RECORDED, key=key)


def remember(connection: Connection, key: str, value: str) -> None:
    """Replace what is remembered under `key`."""
    connection.write(state.FORGET, key=key)
    connection.write(state.RECORD, key=key, value=value)
