"""Upgrade of a catalog of an earlier version, by Alembic's migrations."""

from __future__ import annotations

from contextlib import contextmanager
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import create_engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from cachedb.catalog import revision
from cachedb.errors import CatalogMismatch

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    import psycopg
    from sqlalchemy import Connection


def upgrade(driver: sqlite3.Connection) -> None:
    """Apply the pending migrations to a catalog, inside the caller's transaction.

    The caller has begun an IMMEDIATE transaction with foreign keys off: a batch migration of a
    parent table would otherwise delete the rows of its children.

    Raises:
        CatalogMismatch: The catalog has an unknown revision, or rows would lose their parent; the
        caller rolls back.
    """
    _migrate(driver, "sqlite://")
    if driver.execute("PRAGMA foreign_key_check").fetchone() is not None:
        raise CatalogMismatch("an upgrade of the catalog would leave rows without their parent")
    revision.mark(driver)


def upgrade_schema(driver: psycopg.Connection[Any], to: str = "head") -> None:
    """Apply the pending migrations to the first schema of the search path.

    It is part of the caller's transaction, which holds the lock of writers.

    Raises:
        CatalogMismatch: The schema has an unknown revision; the caller rolls back.
    """
    _migrate(driver, "postgresql+psycopg://", to)


def _migrate(driver: Any, url: str, to: str = "head") -> None:
    with (
        as_file(files("cachedb") / "migrations") as scripts,
        _connection(driver, url) as connection,
    ):
        config = Config()
        config.set_main_option("script_location", str(scripts))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, to)
        except CommandError as error:
            raise CatalogMismatch(f"the catalog cannot be upgraded: {error}") from error
        except DatabaseError as error:
            if error.orig is None:
                raise
            raise error.orig from error


@contextmanager
def _connection(driver: Any, url: str) -> Iterator[Connection]:
    """Wrap the connection of the driver, in the transaction of the caller, for SQLAlchemy."""
    engine = create_engine(url, creator=lambda: driver, poolclass=StaticPool)
    for name in ("do_begin", "do_commit", "do_rollback", "do_close"):
        setattr(engine.dialect, name, _nothing)
    with engine.connect() as connection:
        yield connection


def _nothing(_connection: object) -> None:
    """Leave the transaction and the connection to the caller, also when a pool returns it."""
