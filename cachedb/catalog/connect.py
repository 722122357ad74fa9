"""Connections: how a catalog is opened, read and written.

The recipe for SQLite is measured (docs/explanation/catalog.md): a rollback journal that is
truncated, because write-ahead logs of the SQLite versions that Python ships can lose commits;
BEGIN of our own, because the driver's does not isolate reads or roll back DDL; BEGIN IMMEDIATE
for whoever may write, because an upgrade of a read lock fails at once instead of waiting.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.pool import NullPool, StaticPool

from cachedb.catalog import database_file
from cachedb.catalog.enums import APPLICATION_ID, SCHEMA_VERSION
from cachedb.catalog.schema import metadata
from cachedb.catalog.upgrade import is_current, is_empty, upgrade
from cachedb.errors import CacheBusy, CatalogMismatch, StorageFailed
from cachedb.limits import LOCK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DURABLE = ("PRAGMA journal_mode = TRUNCATE", "PRAGMA synchronous = FULL")
_BEGIN = "cachedb_begin"
_BUSY = ("locked", "busy")
_DAMAGED = (
    "malformed",
    "not a database",
    "no such table",
    "no such column",
    "already exists",
    "decode to UTF-8",
)


class Catalog:
    """A catalog database; `reading` and `writing` give connections inside a transaction."""

    def __init__(self, engine: Engine, path: Path | None) -> None:
        self._engine = engine
        self._path = path
        self._identity = database_file.identity(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the catalog in a file, which is made or upgraded when it has to be.

        Raises:
            SchemaTooNew: A newer cachedb has written it.
            CatalogMismatch: It is not a catalog, or not a file of our own.
            CacheBusy: Another process is upgrading it.
        """
        database_file.check(path)
        database_file.make(path)
        found = cls(_engine(path, mode="rw"), path)
        with _explaining():
            found._bring_up_to_date()
        return found

    @classmethod
    def open_read_only(cls, path: Path) -> Self:
        """Open a catalog that we may not, or do not want to, write.

        Raises:
            CatalogMismatch: It is not there, not a catalog, or not of this version.
        """
        if not database_file.check(path):
            raise CatalogMismatch("there is no catalog")
        found = cls(_engine(path, mode="ro"), path)
        with found.reading() as connection:
            if not is_current(connection):
                raise CatalogMismatch("the catalog is of an older version")
        return found

    @classmethod
    def in_memory(cls) -> Self:
        """Make a catalog that goes with the process: for a cache that we may only read."""
        engine = create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
        _prepare(engine, durable=False)
        found = cls(engine, None)
        with found.writing() as connection:
            metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
        return found

    @property
    def dialect(self) -> str:
        """Name the dialect of SQL: sqlite or postgresql."""
        return self._engine.dialect.name

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction in which every statement sees the same state.

        Raises:
            CatalogMismatch: The file was taken away or replaced while we had it open.
        """
        self._check_identity()
        with _explaining(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open the one transaction that may write; it commits when the block ends well.

        Raises:
            CacheBusy: Another process is writing for longer than the patience.
            CatalogMismatch: The file was taken away or replaced while we had it open.
            StorageFailed: The disk is full or read-only; nothing has changed.
        """
        self._check_identity()
        writer = self._engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        with _explaining(), writer.begin() as connection:
            self._check_identity()  # again: it may have been another file that we opened
            yield connection
        self._check_identity()  # and nobody else will ever read what went into an unlinked one

    def _check_identity(self) -> None:
        if database_file.identity(self._path) != self._identity:
            raise CatalogMismatch("the catalog was replaced meanwhile", hint="try again")

    def _bring_up_to_date(self) -> None:
        with self._engine.connect() as connection:
            if is_current(connection):
                return
        with self._engine.connect() as connection:
            # Outside of a transaction, where alone this pragma has an effect.
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA foreign_keys = OFF")
            connection = connection.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})  # noqa: PLW2901
            with connection.begin():
                if is_current(connection):  # somebody else has done it meanwhile
                    return
                if not is_empty(connection):
                    self._back_up()
                upgrade(connection)

    def _back_up(self) -> None:
        """Copy the catalog beside itself; the copy before that one goes."""
        assert self._path is not None
        copy = self._path.with_name(f"{self._path.name}.before-upgrade")
        copy.unlink(missing_ok=True)
        database_file.make(copy)
        # A connection of its own: SQLite does not copy from one that is in a write transaction.
        with closing(sqlite3.connect(self._path)) as source, closing(sqlite3.connect(copy)) as to:
            source.backup(to)


def _engine(path: Path, *, mode: str) -> Engine:
    url = URL.create(
        "sqlite", database=f"file:{path}", query={"uri": "true", "mode": mode, "nofollow": "1"}
    )
    engine = create_engine(url, poolclass=NullPool)
    _prepare(engine, durable=mode != "ro")
    return engine


def _prepare(engine: Engine, *, durable: bool) -> None:
    pragmas = (*database_file.PRAGMAS, *(_DURABLE if durable else ()))

    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        # First: the other pragmas may have to wait already.
        connection.execute(f"PRAGMA busy_timeout = {1000 * LOCK_SECONDS.value}")
        for pragma in pragmas:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


@contextmanager
def _explaining() -> Iterator[None]:
    """Turn what the driver raises into errors of ours."""
    try:
        yield
    except UnicodeDecodeError as error:
        # The driver reads what SQLite has to say of a damaged schema, which quotes from it.
        raise CatalogMismatch("the catalog is damaged: its schema cannot be read") from error
    except DatabaseError as error:
        text = str(error.orig)
        if any(word in text for word in _BUSY):
            raise CacheBusy("another process is writing the catalog") from error
        if isinstance(error, IntegrityError) or any(word in text for word in _DAMAGED):
            raise CatalogMismatch(f"the catalog is damaged: {text}") from error
        raise StorageFailed(f"cannot use the catalog: {text}") from error
