"""Statements on the state of the catalog itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, select

from cachedb.catalog.queries.definition import defines
from cachedb.catalog.schema import state as table
from cachedb.catalog.statements import state

if TYPE_CHECKING:
    from sqlalchemy import Delete, Insert, Select


@defines(state.RECORDED)
def recorded() -> Select[str]:
    """Select the value under a key."""
    return select(table.c.value).where(table.c.key == bindparam("key"))


@defines(state.FORGET)
def forget() -> Delete:
    """Delete the value under a key."""
    return delete(table).where(table.c.key == bindparam("key"))


@defines(state.RECORD)
def record() -> Insert:
    """Insert a value under a key."""
    return insert(table).values(key=bindparam("key"), value=bindparam("value"))
