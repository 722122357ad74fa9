"""Catalog in a schema of a PostgreSQL database, and the index of files in a second one.

Both are derived from the files of the layout, as the files of SQLite are. Every transaction
names its schemas and takes its own locks (`SET LOCAL`, `pg_advisory_xact_lock`): behind a pooler
the next one runs on another connection of the server.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from psycopg import errors, sql
from psycopg.connection import Connection as Driver
from psycopg.conninfo import conninfo_to_dict

from cachedb import lock_waits
from cachedb.catalog.connect import Catalog
from cachedb.catalog.enums import SCHEMA_VERSION
from cachedb.catalog.server import adapters, collection, heartbeat
from cachedb.catalog.server.address import NEW, files_schema
from cachedb.catalog.server.executor import ServerConnection
from cachedb.catalog.server.failures import explaining
from cachedb.catalog.server.idle_connections import IdleConnections
from cachedb.catalog.server.lock_holder import holder_of
from cachedb.catalog.server.schemas import file_schema, schema_revision
from cachedb.catalog.server.session import OPTIONS, READ, SETTINGS, WRITE, commit
from cachedb.catalog.user_state.leases import SHARED_SECONDS
from cachedb.errors import CatalogMismatch, InvalidInput, SchemaTooNew, StorageFailed
from cachedb.limits import LOCK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cachedb.catalog.server.address import ServerAddress


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
        self._has_files = False
        self._idle = IdleConnections()

    @classmethod
    def connect(cls, address: ServerAddress, schema: str) -> Self:
        """Open the catalog in a schema; create or upgrade it if necessary.

        Raises:
            StorageFailed: The server cannot be reached, refuses the user, or is read-only.
            CatalogMismatch: The database or the schema cannot hold a catalog.
            SchemaTooNew: A newer cachedb has written it.
            CacheBusy: Another process is upgrading it.
        """
        return cls._opened(address, schema, cls._bring_up_to_date)

    @classmethod
    def connect_read_only(cls, address: ServerAddress, schema: str) -> Self:
        """Open a catalog that exists, and make or upgrade nothing.

        Raises:
            StorageFailed: The server cannot be reached, or refuses the user.
            CatalogMismatch: It is not there, not a catalog, or not of this version.
            SchemaTooNew: A newer cachedb has written it.
        """
        return cls._opened(address, schema, cls._check_current)

    @classmethod
    def _opened(cls, address: ServerAddress, schema: str, check: Callable[[Self], None]) -> Self:
        """Return a catalog that passes a check; one that does not is closed."""
        found = cls(address, schema)
        try:
            with explaining(address):
                check(found)
        except BaseException:
            found.close()
            raise
        return found

    @classmethod
    def exists(cls, address: ServerAddress, schema: str) -> bool:
        """Return whether a schema holds a catalog of any version; raises as `connect` does."""
        found = cls(address, schema)
        try:
            with explaining(address):
                return found._look() > 0
        finally:
            found.close()

    @classmethod
    def schemas(cls, address: ServerAddress) -> list[str]:
        """Return the names of the schemas with a catalog that the user may read, sorted.

        Raises:
            StorageFailed: The server cannot be reached, or refuses the user.
        """
        found = cls(address, "public")
        try:
            with explaining(address), found.lending() as driver:
                driver.execute(READ)
                return schema_revision.readable(driver)
        finally:
            found.close()

    @classmethod
    def drop(cls, address: ServerAddress, schema: str) -> bool:
        """Drop a schema with its catalog, once no transaction uses it; return if there was one.

        The index of files goes with it, unless the schema is that of a rebuild, which has none.

        Raises:
            StorageFailed: The server cannot be reached, or refuses the user.
            CatalogMismatch: The tables are of some other program.
            CacheBusy: Another process is using it.
        """
        found = cls(address, schema)
        try:
            with explaining(address), found.lending() as driver:
                found._begin_locked(driver)
                existed = schema_revision.schema_id(driver, schema) is not None
                if existed:
                    with suppress(SchemaTooNew):
                        schema_revision.version_of(driver, schema)
                    schema_revision.drop(driver, schema)
                if not schema.endswith(NEW):
                    schema_revision.drop(driver, files_schema(schema))
                found._commit(driver)
        finally:
            found.close()
        return existed

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
        """The file of the index of files: None, its tables are in a schema."""
        return None

    @property
    def files_schema(self) -> str:
        """Name of the schema of the index of files."""
        return files_schema(self._schema)

    @property
    def address(self) -> ServerAddress:
        """Address of the server."""
        return self._address

    def rename(self, name: str, backup: str) -> None:
        """Give the schema another name; one that has it already gets the name `backup`.

        Other roles have the same rights on this schema then as on the one before. A process that
        has that one open fails at its next transaction, and loses only that.

        Raises:
            CacheBusy: A transaction on it lasts longer than `CACHEDB_LOCK_SECONDS`.
            StorageFailed: The server cannot be reached; nothing was renamed.
        """
        replaced = ServerCatalog(self._address, name)
        with explaining(self._address), self.lending() as driver:
            replaced._begin_locked(driver)
            schema_revision.drop(driver, backup)
            if schema_revision.schema_id(driver, name) is not None:
                schema_revision.copy_rights(driver, name, self._schema)
                schema_revision.rename(driver, name, backup)
            schema_revision.rename(driver, self._schema, name)
            self._commit(driver)
        self._schema = name

    def copied(self) -> Catalog:
        """Copy the catalog, and the index of files, into memory; costs its size."""
        from cachedb.catalog.server import memory_copy  # noqa: PLC0415  (few commands copy)

        with self.reading_files() as source:
            return memory_copy.copy(source)

    def close(self) -> None:
        """Close the connections that no transaction uses; others end with their transactions."""
        self._idle.close()

    @contextmanager
    def reading(self) -> Iterator[ServerConnection]:
        """Open a transaction in which every statement sees the same state.

        Raises:
            CatalogMismatch: Another process dropped or replaced the open schema.
            StorageFailed: The server cannot be reached.
        """
        with explaining(self._address), self.lending() as driver:
            self._begin_reading(driver)
            yield ServerConnection(driver)

    @contextmanager
    def writing(self) -> Iterator[ServerConnection]:
        """Open the one transaction that may write; it commits when the block ends well.

        Raises:
            CacheBusy: Another process is writing for longer than `CACHEDB_LOCK_SECONDS`.
            CatalogMismatch: Another process dropped or replaced the open schema.
            SchemaTooNew: A newer cachedb has upgraded it.
            StorageFailed: The server cannot be reached or is read-only; if the connection is lost
            during the commit, the server is asked whether it succeeded.
        """
        with explaining(self._address), self.lending() as driver:
            self._begin_locked(driver)
            self._check_schema(driver)
            schema_revision.check_written_by_us(driver, self._schema)
            connection = ServerConnection(driver)
            yield connection
            connection.analyze()
            self._commit(driver)

    @contextmanager
    def writing_unchecked(self) -> Iterator[ServerConnection]:
        """Open a transaction as `writing` does: PostgreSQL always checks foreign keys."""
        with self.writing() as connection:
            yield connection

    def remarks(self) -> list[str]:
        """Describe server, database and schema, for those who run them."""
        with self.reading() as connection:
            found = schema_revision.remarks(connection.driver, self._schema)
            return [*found, *collection.remarks(connection)]

    @contextmanager
    def beating(self, lease: str) -> Iterator[None]:
        """Prolong a lease by a heartbeat in a thread of its own while the block runs.

        A heartbeat that fails is made up for by the next one: a lease outlives three of them.
        """
        with heartbeat.beating(lambda: self._prolong(lease)):
            yield

    def _prolong(self, lease: str) -> None:
        # Without the lock of writers: a long transaction of another host must not end the lease.
        with explaining(self._address), self.lending() as driver:
            self._begin(driver, WRITE)
            expires = ServerConnection(driver).shared_now() + SHARED_SECONDS * 1_000_000
            driver.execute("UPDATE lease SET expires = %s WHERE id = %s", (expires, lease))
            driver.execute("COMMIT")

    def collecting(self) -> Any:
        """Hold the row of the collector, with heartbeats: `collection.collecting`."""
        return collection.collecting(self)

    @contextmanager
    def locking_names(self) -> Iterator[None]:
        """Hold the lock of names of this cache, in a transaction of its own that writes nothing.

        The server ends a transaction that a host which was cut off has left open after
        `session.CUT_OFF_SECONDS`; until then it blocks others.

        Raises:
            CacheBusy: Another host holds it for longer than `CACHEDB_LOCK_SECONDS`.
            StorageFailed: The server cannot be reached or is read-only.
        """
        with explaining(self._address):
            driver = self._taken()
        try:
            with explaining(self._address):
                self._begin_locked(driver, "names of")
                self._check_writable(driver)
            yield
        finally:
            # A lock that was lost meanwhile is made up for by `.lock`, and by the next command.
            self._idle.give_back(driver)

    @contextmanager
    def reading_files(self) -> Iterator[ServerConnection]:
        """Open a transaction as `reading` does, with the tables of the index of files.

        Raises as `reading` does, and `StorageFailed` for a user who may not read the index.
        """
        with explaining(self._address), self.lending() as driver:
            self._begin_reading(driver, self.files_schema)
            file_schema.check_readable(driver, self.files_schema)
            yield ServerConnection(driver)

    @contextmanager
    def writing_files(self) -> Iterator[ServerConnection]:
        """Open a transaction as `writing` does, with the tables of the index of files."""
        with explaining(self._address), self.lending() as driver:
            self._begin_locked(driver, "rows of", self.files_schema)
            self._check_schema(driver)
            schema_revision.check_written_by_us(driver, self._schema)
            connection = ServerConnection(driver)
            yield connection
            connection.analyze()
            self._commit(driver)

    @property
    def has_files_index(self) -> bool:
        """Whether an index of files exists: its tables always do."""
        return True

    @property
    def files_index_size(self) -> int:
        """Bytes of the tables and indexes of files."""
        with self.reading() as connection:
            return file_schema.size_of(connection.driver, self.files_schema)

    def drop_files_index(self) -> bool:
        """Empty the tables of the index of files; return whether there were rows.

        One transaction. TRUNCATE waits for readers of the tables, and they wait for it.
        """
        with self.writing_files() as connection:
            ((existed,),) = connection.run("SELECT EXISTS (SELECT 1 FROM layer)")
            names = sql.SQL(", ").join(map(sql.Identifier, file_schema.tables()))
            connection.driver.execute(sql.SQL("TRUNCATE {}").format(names))
        return bool(existed)

    @contextmanager
    def lending(self) -> Iterator[Driver[Any]]:
        """Lend a connection; it is rolled back, and kept unless it is broken."""
        driver = self._taken()
        try:
            yield driver
        except errors.ReadOnlySqlTransaction as error:
            raise self._read_only(driver) from error
        finally:
            self._idle.give_back(driver)

    def _read_only(self, driver: Driver[Any]) -> StorageFailed:
        """Name the reason why nothing can be written; the error itself is the same for each."""
        driver.execute("ROLLBACK")
        ((is_standby,),) = driver.execute("SELECT pg_is_in_recovery()::INTEGER")
        where = f"the catalog at {self._address.shown} cannot be written"
        if is_standby:
            return StorageFailed(f"{where}: the server is a read-only standby")
        return StorageFailed(
            f"{where}: transactions are read-only", hint="default_transaction_read_only = off"
        )

    def _taken(self) -> Driver[Any]:
        return self._idle.take() or self._new_connection()

    def _new_connection(self) -> Driver[Any]:
        try:
            options: dict[str, Any] = conninfo_to_dict(self._address.url)
        except errors.ProgrammingError:
            # The message of libpq quotes from the URL, and with it from a password.
            what = "libpq cannot parse the URL of the catalog, or does not know a parameter of it"
            raise InvalidInput(what) from None
        return Driver.connect(
            autocommit=True,
            prepare_threshold=None,  # a pooler may run each transaction on another connection
            context=adapters.of_catalog(),
            **(OPTIONS | options | {"client_encoding": "utf8"}),
        )

    def _begin(self, driver: Driver[Any], how: str, *others: str) -> None:
        """Begin a transaction whose statements find the tables of the schema, and of others."""
        driver.execute(self._beginning(how, *others))

    def _begin_reading(self, driver: Driver[Any], *others: str) -> None:
        """Begin a transaction that reads, and check the schema, in one message."""
        find = schema_revision.finding_id(self._schema)
        cursor = driver.execute(sql.SQL("; ").join((self._beginning(READ, *others), find)))
        while cursor.nextset():  # the last result is that of the query
            pass
        self._compare_schema(cursor.fetchone())

    def _beginning(self, how: str, *others: str) -> sql.Composed:
        path = sql.SQL(", ").join(map(sql.Identifier, (self._schema, *others)))
        text = sql.SQL("{}; SET LOCAL search_path = {}; {}")
        return text.format(sql.SQL(how), path, sql.SQL(SETTINGS))

    def _begin_locked(self, driver: Driver[Any], what: str = "rows of", *others: str) -> None:
        """Begin a write transaction when no other holds the same lock, in the order of asking."""
        most = LOCK_SECONDS.value
        first = min(lock_waits.NOTICE_SECONDS, most)
        try:
            self._begin(driver, WRITE, *others)
            self._lock(driver, what, first)
        except errors.LockNotAvailable:
            driver.execute("ROLLBACK")
            holder = holder_of(driver, self._key(what))
            if most > first:
                lock_waits.log(f"the lock of {what} {self._schema}", holder, most - first)
                self._begin(driver, WRITE, *others)
                self._lock(driver, what, most - first)
                return
            raise

    def _commit(self, driver: Driver[Any]) -> None:
        commit(driver, self._new_connection, self._address)

    def _lock(self, driver: Driver[Any], what: str, seconds: float) -> None:
        wait = sql.Literal(f"{max(int(seconds * 1000), 1)}ms")
        driver.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(wait))
        driver.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (self._key(what),))

    def _key(self, what: str) -> str:
        return f"cachedb {what} {self._schema}"

    def _check_writable(self, driver: Driver[Any]) -> None:
        ((is_read_only,),) = driver.execute(
            "SELECT current_setting('transaction_read_only')::BOOLEAN::INTEGER"
        )
        if is_read_only:
            raise self._read_only(driver)

    def _check_schema(self, driver: Driver[Any]) -> None:
        self._compare_schema(driver.execute(schema_revision.finding_id(self._schema)).fetchone())

    def _compare_schema(self, row: tuple[Any, ...] | None) -> None:
        if (None if row is None else int(row[0])) != self._schema_id:
            raise CatalogMismatch("the catalog was replaced meanwhile", hint="try again")

    def _check_current(self) -> None:
        schema_revision.check_current(self._look())

    def _look(self) -> int:
        """Return the version of the tables, 0 without any; remember which schema this is."""
        with self.lending() as driver:
            schema_revision.check_database(driver)
            self._begin(driver, READ)
            self._schema_id = schema_revision.schema_id(driver, self._schema)
            self._has_files = file_schema.is_current(driver, self.files_schema)
            return schema_revision.version_of(driver, self._schema)

    def _bring_up_to_date(self) -> None:
        if self._look() == SCHEMA_VERSION and self._has_files:
            return
        with self.lending() as driver:
            self._begin_locked(driver)
            found = schema_revision.version_of(driver, self._schema)
            if found == 0:
                schema_revision.create(driver, self._schema)
            elif found < SCHEMA_VERSION:  # another process may have upgraded it
                from cachedb.catalog.upgrade import upgrade_schema  # noqa: PLC0415  (Alembic)

                upgrade_schema(driver)
            self._schema_id = schema_revision.schema_id(driver, self._schema)
            if not file_schema.is_current(driver, self.files_schema):
                file_schema.create(driver, self.files_schema)
            self._commit(driver)
