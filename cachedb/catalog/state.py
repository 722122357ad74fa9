"""What the catalog knows of itself: one text a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from cachedb.catalog.schema import state

if TYPE_CHECKING:
    from sqlalchemy import Connection


def recall(connection: Connection, key: str) -> str | None:
    """Return what was remembered under `key`."""
    return connection.scalar(select(state.c.value).where(state.c.key == key))


def remember(connection: Connection, key: str, value: str) -> None:
    """Replace what is remembered under `key`."""
    connection.execute(delete(state).where(state.c.key == key))
    connection.execute(insert(state).values(key=key, value=value))
