"""SQLAlchemy on a driver connection, for statements that have no name yet; goes with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

if TYPE_CHECKING:
    import sqlite3


def alchemy(driver: sqlite3.Connection) -> Connection:
    """Return a connection of SQLAlchemy in the transaction of a driver connection."""
    engine = create_engine("sqlite://", creator=lambda: driver, poolclass=StaticPool)
    engine.dialect.do_commit = _nothing  # type: ignore[method-assign,assignment]
    engine.dialect.do_rollback = _nothing  # type: ignore[method-assign,assignment]
    engine.dialect.do_close = _nothing  # type: ignore[method-assign,assignment]
    return engine.connect()


def _nothing(_connection: object) -> None:
    """Neither begin nor end a transaction: it is the caller's."""
