"""Connections: how a catalog is opened, read and written.

The recipe for SQLite is measured (docs/explanation/catalog.md): a rollback journal that is
truncated, because write-ahead logs of the SQLite versions that Python ships can lose commits;
BEGIN of our own, because the driver's does not isolate reads or roll back DDL; BEGIN IMMEDIATE
for whoever may write, because an upgrade of a read lock fails at once instead of waiting.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import NullPool, StaticPool

from cachedb.catalog.schema import APPLICATION_ID, SCHEMA_VERSION, metadata
from cachedb.catalog.upgrade import is_current, upgrade
from cachedb.errors import CacheBusy, CatalogMismatch, StorageFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from sqlite3 import Connection as SQLiteConnection

BUSY_MILLISECONDS = 30_000
_PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -32000",
)
_DURABLE = ("PRAGMA journal_mode = TRUNCATE", "PRAGMA synchronous = FULL")
_BEGIN = "cachedb_begin"


class Catalog:
    """A catalog database; `reading` and `writing` give connections inside a transaction."""

    def __init__(self, engine: Engine, path: Path | None) -> None:
        self._engine = engine
        self._path = path
        self._identity = _identity(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the catalog in a file, which is made or upgraded when it has to be.

        Raises:
            SchemaTooNew: A newer cachedb has written it.
            CatalogMismatch: It is not a catalog, or not a file of our own.
            CacheBusy: Another process is upgrading it.
        """
        _check_file(path)
        found = cls(_engine(path, mode="rwc"), path)
        with _explaining():
            found._bring_up_to_date()
        found._identity = _identity(path)
        return found

    @classmethod
    def open_read_only(cls, path: Path) -> Self:
        """Open a catalog that we may not, or do not want to, write.

        Raises:
            CatalogMismatch: It is not there, not a catalog, or not of this version.
        """
        _check_file(path)
        if not path.exists():
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
        """Open a transaction in which every statement sees the same state."""
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
        if _identity(self._path) != self._identity:
            raise CatalogMismatch("the catalog was replaced meanwhile", hint="try again")
        writer = self._engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        with _explaining(), writer.begin() as connection:
            yield connection

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
                if not is_current(connection):  # nobody else has done it meanwhile
                    upgrade(connection)


def _engine(path: Path, *, mode: str) -> Engine:
    url = URL.create(
        "sqlite", database=f"file:{path}", query={"uri": "true", "mode": mode, "nofollow": "1"}
    )
    engine = create_engine(url, poolclass=NullPool)
    _prepare(engine, durable=mode != "ro")
    return engine


def _prepare(engine: Engine, *, durable: bool) -> None:
    pragmas = (*_PRAGMAS, *(_DURABLE if durable else ()))

    @event.listens_for(engine, "connect")
    def on_connect(connection: SQLiteConnection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _check_file(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600))
        except FileExistsError:
            return
        except OSError:
            return  # opening it says why, and a reader does not need it
        return
    if not stat.S_ISREG(found.st_mode):
        raise CatalogMismatch(f"the catalog {str(path)!r} is not a regular file")
    if found.st_uid != os.geteuid() and os.geteuid() != 0:
        raise CatalogMismatch(f"the catalog {str(path)!r} belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise CatalogMismatch(
            f"others may write the catalog {str(path)!r}", hint="chmod go-w on it, or delete it"
        )


def _identity(path: Path | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def _explaining() -> Iterator[None]:
    """Turn what the driver raises into errors of ours."""
    try:
        yield
    except OperationalError as error:
        text = str(error.orig)
        if "locked" in text or "busy" in text:
            raise CacheBusy("another process is writing the catalog") from error
        if "malformed" in text or "not a database" in text:
            raise CatalogMismatch(f"the catalog is damaged: {text}") from error
        raise StorageFailed(f"cannot use the catalog: {text}") from error
    except DatabaseError as error:
        if "malformed" in str(error.orig) or "not a database" in str(error.orig):
            raise CatalogMismatch(f"the catalog is damaged: {error.orig}") from error
        raise
