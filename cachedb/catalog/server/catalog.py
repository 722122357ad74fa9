"""Catalog in a schema of a PostgreSQL database.

Truth stays in the files of the layout; the schema is derived from them, as the file of SQLite
is. Every transaction names its schema and takes its locks itself (`SET LOCAL`,
`pg_advisory_xact_lock`): behind a pooler the next one runs on another connection of the server.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg import errors, sql

from cachedb.catalog import compiled
from cachedb.catalog.connect import Catalog, log_wait
from cachedb.catalog.enums import SCHEMA_VERSION
from cachedb.catalog.server import executor, schema_revision
from cachedb.catalog.server.executor import ServerConnection
from cachedb.catalog.server.failures import explaining
from cachedb.errors import CatalogMismatch
from cachedb.limits import LOCK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cachedb.catalog.server.address import ServerAddress

_CONNECT_SECONDS = 10
_NOTICE_SECONDS = 2.0
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE"


class ServerCatalog(Catalog):
    """A catalog in a server; `reading` and `writing` give connections inside a transaction.

    Threads may share it: each transaction has a connection of its own, which is kept for the
    next one when it ends.
    """

    def __init__(self, address: ServerAddress, schema: str) -> None:
        super().__init__(None, mode="server")
        self._address = address
        self._schema = schema
        self._schema_id: int | None = None
        self._idle: list[psycopg.Connection[Any]] = []
        self._idle_lock = Lock()

    @classmethod
    def connect(cls, address: ServerAddress, schema: str) -> Self:
        """Open the catalog in a schema, which is made or upgraded when it has to be.

        Raises:
            StorageFailed: The server cannot be reached, refuses the user, or is read-only.
            CatalogMismatch: The database or the schema is not one for a catalog.
            SchemaTooNew: A newer cachedb has written it.
            CacheBusy: Another process is upgrading it.
        """
        found = cls(address, schema)
        try:
            with explaining(address):
                found._bring_up_to_date()
        except BaseException:
            found.close()
            raise
        return found

    @property
    def schema(self) -> str:
        """Name of the schema."""
        return self._schema

    @property
    def dialect(self) -> str:
        """Name the dialect of SQL."""
        return ServerConnection.dialect

    @property
    def files_path(self) -> Path | None:
        """The file of the index of files: None, its tables are in the schema."""
        return None

    def close(self) -> None:
        """Close the connections that no transaction uses."""
        with self._idle_lock:
            idle, self._idle = self._idle, []
        for driver in idle:
            driver.close()

    @contextmanager
    def reading(self) -> Iterator[ServerConnection]:
        """Open a transaction in which every statement sees the same state.

        Raises:
            CatalogMismatch: The schema was dropped or replaced while it was open here.
            StorageFailed: The server cannot be reached.
        """
        with explaining(self._address), self._transaction() as driver:
            self._begin(driver, _READ)
            self._check_schema(driver)
            yield ServerConnection(driver)

    @contextmanager
    def writing(self) -> Iterator[ServerConnection]:
        """Open the one transaction that may write; it commits when the block ends well.

        Raises:
            CacheBusy: Another process is writing for longer than `CACHEDB_LOCK_SECONDS`.
            CatalogMismatch: The schema was dropped or replaced while it was open here.
            StorageFailed: The server cannot be reached or is read-only; if the connection is lost
                while it commits, the next command finds out what has become of it.
        """
        with explaining(self._address), self._transaction() as driver:
            self._begin_locked(driver)
            self._check_schema(driver)
            yield ServerConnection(driver)
            driver.execute("COMMIT")

    def reading_files(self) -> Any:
        """Open a transaction as `reading` does: the index of files is in the same schema."""
        return self.reading()

    def writing_files(self) -> Any:
        """Open a transaction as `writing` does: the index of files is in the same schema."""
        return self.writing()

    @property
    def has_files_index(self) -> bool:
        """Whether files of layers may be indexed: their tables are always there."""
        return True

    @property
    def files_index_size(self) -> int:
        """Bytes of the tables and indexes of files."""
        tables = [name for kind, name, _ in compiled.file_tables("postgresql") if kind == "table"]
        with self.reading() as connection:
            ((size,),) = connection.run(
                "SELECT SUM(pg_total_relation_size(name::REGCLASS))"
                " FROM UNNEST(%s::TEXT[]) AS name",
                (tables,),  # type: ignore[arg-type]
            )
        return int(size)

    def drop_files_index(self) -> bool:
        """Empty the tables of the index of files; return whether there were rows."""
        tables = [name for kind, name, _ in compiled.file_tables("postgresql") if kind == "table"]
        with self.writing() as connection:
            ((existed,),) = connection.run("SELECT EXISTS (SELECT 1 FROM layer)")
            names = sql.SQL(", ").join(map(sql.Identifier, tables))
            connection.driver.execute(sql.SQL("TRUNCATE {}").format(names))
        return bool(existed)

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection[Any]]:
        """Lend a connection; it is rolled back, and kept unless it is broken."""
        driver = self._taken()
        try:
            yield driver
        finally:
            self._give_back(driver)

    def _taken(self) -> psycopg.Connection[Any]:
        with self._idle_lock:
            while self._idle:
                driver = self._idle.pop()
                if not driver.closed and _is_alive(driver):
                    return driver
        return self._new_connection()

    def _give_back(self, driver: psycopg.Connection[Any]) -> None:
        with suppress(psycopg.Error):
            if driver.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
                driver.execute("ROLLBACK")
            with self._idle_lock:
                self._idle.append(driver)
            return
        driver.close()

    def _new_connection(self) -> psycopg.Connection[Any]:
        driver = psycopg.connect(
            self._address.url,
            autocommit=True,
            client_encoding="utf8",
            connect_timeout=_CONNECT_SECONDS,
            application_name="cachedb",
        )
        executor.prepare(driver)
        return driver

    def _begin(self, driver: psycopg.Connection[Any], how: str) -> None:
        text = sql.SQL("{}; SET LOCAL search_path = {}")
        driver.execute(text.format(sql.SQL(how), sql.Identifier(self._schema)))

    def _begin_locked(self, driver: psycopg.Connection[Any]) -> None:
        """Begin a write transaction when no other writes this schema, in the order of asking."""
        most = LOCK_SECONDS.value
        try:
            self._begin(driver, _WRITE)
            self._lock(driver, min(_NOTICE_SECONDS, most))
        except errors.LockNotAvailable:
            if most <= _NOTICE_SECONDS:
                raise
            driver.execute("ROLLBACK")
            log_wait(most - _NOTICE_SECONDS)
            self._begin(driver, _WRITE)
            self._lock(driver, most - _NOTICE_SECONDS)

    def _lock(self, driver: psycopg.Connection[Any], seconds: float) -> None:
        wait = sql.Literal(f"{max(int(seconds * 1000), 1)}ms")
        driver.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(wait))
        driver.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"cachedb {self._schema}",)
        )

    def _check_schema(self, driver: psycopg.Connection[Any]) -> None:
        if schema_revision.schema_id(driver, self._schema) != self._schema_id:
            raise CatalogMismatch("the catalog was replaced meanwhile", hint="try again")

    def _bring_up_to_date(self) -> None:
        with self._transaction() as driver:
            schema_revision.check_database(driver)
            self._begin(driver, _READ)
            found = schema_revision.version_of(driver, self._schema)
            self._schema_id = schema_revision.schema_id(driver, self._schema)
            driver.execute("ROLLBACK")
            if found == SCHEMA_VERSION:
                return
            self._begin_locked(driver)
            found = schema_revision.version_of(driver, self._schema)
            if found == 0:
                schema_revision.create(driver, self._schema)
            elif found < SCHEMA_VERSION:  # another process may have upgraded it
                from cachedb.catalog.upgrade import upgrade_schema  # noqa: PLC0415  (Alembic)

                upgrade_schema(driver)
            self._schema_id = schema_revision.schema_id(driver, self._schema)
            driver.execute("COMMIT")


def _is_alive(driver: psycopg.Connection[Any]) -> bool:
    """Return whether a connection that was idle still answers."""
    try:
        driver.execute("SELECT 1")
    except psycopg.Error:
        driver.close()
        return False
    return True
