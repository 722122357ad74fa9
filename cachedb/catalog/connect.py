"""Connections of a catalog in SQLite: open, read, write.

The recipe for SQLite is measured (docs/explanation/catalog.md): a rollback journal that is
truncated, because write-ahead logs of the SQLite versions that Python ships can lose commits;
BEGIN of our own, because the driver's does not isolate reads or roll back DDL; BEGIN IMMEDIATE
for writers, because an upgrade of a read lock fails at once instead of waiting.
"""

from __future__ import annotations

import sqlite3
from _thread import RLock
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Self

from cachedb.catalog import database_file, revision
from cachedb.catalog.executor import Connection
from cachedb.catalog.waiting_connection import WaitingConnection, is_interrupted
from cachedb.errors import CacheError, CatalogMismatch, StorageFailed
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cachedb.catalog.database_file import FileVersion

_DURABLE = ("PRAGMA journal_mode = TRUNCATE", "PRAGMA synchronous = FULL")
_DAMAGED = (
    "malformed",
    "not a database",
    "no such table",
    "no such column",
    "already exists",
    "decode to UTF-8",
    "integer overflow",  # of sizes of files, which a forged row can claim
)


class Mark(NamedTuple):
    """State of the rows: two marks of one catalog are equal if nothing was committed between."""

    source: object
    """The connection that has seen the commits; another one counts them differently."""
    commits: int
    """Number that changes with each commit by another connection (PRAGMA data_version)."""


class Catalog:
    """A catalog database; `reading` and `writing` give connections inside a transaction.

    Threads may share a catalog. Each transaction on a file has a connection of its own; those on a
    catalog in memory take turns, and a nested one in the same thread is part of the outer one.
    """

    def __init__(
        self, path: Path | None, *, mode: str, memory: sqlite3.Connection | None = None
    ) -> None:
        self._path = path
        self._mode = mode
        self._memory = memory
        self._turn = RLock()
        self._identity = database_file.identity(path)
        self._witness: sqlite3.Connection | None = None
        self.has_changed: bool = False

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the catalog in a file; create or upgrade it if necessary.

        Raises:
            SchemaTooNew: A newer cachedb has written it.
            CatalogMismatch: The file is not a catalog, or another user can write it.
            CacheBusy: Another process is upgrading it.
        """
        database_file.check(path)
        database_file.make(path)
        found = cls(path, mode="rw")
        with _explaining():
            found._bring_up_to_date()
        return found

    @classmethod
    def open_read_only(cls, path: Path) -> Self:
        """Open a catalog that must not be written.

        Raises:
            CatalogMismatch: The file is absent, not a catalog, or not of this version.
        """
        if not database_file.check(path):
            raise CatalogMismatch("there is no catalog")
        found = cls(path, mode="ro")
        with found.reading() as connection:
            if not revision.is_current(connection.driver):
                raise CatalogMismatch("the catalog is of an older version")
        return found

    @classmethod
    def in_memory(cls) -> Self:
        """Create a catalog in memory, which ends with the process: for a read-only cache."""
        # One connection for all transactions: each connection has a memory of its own.
        driver = WaitingConnection(":memory:", check_same_thread=False)
        _prepare(driver, durable=False)
        revision.create(driver)
        return cls(None, mode="memory", memory=driver)

    def copied(self) -> Catalog:
        """Copy the catalog, and the index of files to read, into memory; costs its size.

        What is written to the copy ends with it.
        """
        from cachedb.catalog.files import attached  # noqa: PLC0415  (few commands copy)

        copy = WaitingConnection(":memory:", check_same_thread=False)
        with _explaining(), self._connected() as source:
            source.backup(copy)
        _prepare(copy, durable=False)
        attached.attach_for_reading(copy, self.files_path)
        return Catalog(None, mode="memory", memory=copy)

    @property
    def dialect(self) -> str:
        """Name the dialect of SQL: sqlite or postgresql."""
        return Connection.dialect

    @property
    def version(self) -> FileVersion | None:
        """Version of the database file, which a later write moves; None where there is no file.

        Inside of `reading`, after a statement, it is that of the rows that the block reads. Two
        writes within one tick of the clock may leave it the same: it is proof only when its time
        is old enough (`fingerprint.racy_since`).
        """
        return database_file.version(self._path)

    def mark(self) -> Mark | None:
        """Return a mark of the rows, which every later commit moves; None where there is no file.

        Unlike `version` it is proof at once: SQLite counts commits, also of other processes. It
        counts them for one connection, which stays open until `close`.
        """
        if self._path is None:
            return None
        self._check_identity()
        with _explaining():
            if self._witness is None:
                self._witness = self._connect()
            (commits,) = self._witness.execute("PRAGMA data_version").fetchone()
        return Mark(self._witness, commits)

    @property
    def files_version(self) -> FileVersion | None:
        """Version of the file of the index of files, inside of `reading_files`."""
        return database_file.version(self.files_path)

    @property
    def is_in_memory(self) -> bool:
        """Whether the catalog ends with the process."""
        return self._memory is not None

    def close(self) -> None:
        """Close the connections that do not end with their blocks."""
        for each in (self._memory, self._witness):
            if each is not None:
                each.close()
        self._witness = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction in which every statement sees the same state.

        Raises:
            CatalogMismatch: Another process removed or replaced the open file.
        """
        self._check_identity()
        with _explaining(), self._connected() as driver:
            if driver.in_transaction:  # of this thread, on a catalog in memory
                yield Connection(driver)
                return
            with _transaction(driver, "BEGIN") as connection:
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open the one transaction that may write; it commits when the block ends well.

        Raises:
            CacheBusy: Another process is writing for longer than `CACHEDB_LOCK_SECONDS`.
            CatalogMismatch: Another process removed or replaced the open file.
            StorageFailed: The disk is full or read-only; nothing has changed.
        """
        self._check_identity()
        with _explaining(), self._connected() as driver, self._committing(driver) as connection:
            yield connection
        self._check_identity()  # a commit into an unlinked file would be lost

    @contextmanager
    def writing_unchecked(self) -> Iterator[Connection]:
        """Open a transaction as `writing` does, in which foreign keys are not checked.

        For many rows that refer to no others than those written before, and for deletions that
        take everything along that refers to the deleted rows: nothing else is deleted with them.
        Checks would take a third of the time of a deletion, a sixth of that of an insertion.
        Raises as `writing` does.
        """
        self._check_identity()
        with _explaining(), self._connected() as driver:
            if self._memory is None:  # else the connection outlives the block
                # Before BEGIN: inside of a transaction, the pragma has no effect.
                driver.execute("PRAGMA foreign_keys = OFF")
            with self._committing(driver) as connection:
                yield connection
        self._check_identity()

    def remarks(self) -> list[str]:
        """Describe what people look after who run the database: nothing about a file."""
        return []

    @contextmanager
    def beating(self, lease: str) -> Iterator[None]:
        """Prolong a lease while the block runs; one in a file ends with its process instead."""
        del lease
        yield

    @contextmanager
    def collecting(self) -> Iterator[Callable[[Connection], None]]:
        """Be the only collection that runs; yields a check that fails once it was replaced.

        On one host `gc.lock` sees to that; `ServerCatalog` has more to do.
        """
        yield lambda _: None

    @contextmanager
    def locking_names(self) -> Iterator[None]:
        """Exclude other hosts that change names; the caller holds the `.lock` of the layout.

        A file is of one host, on which `.lock` suffices; `ServerCatalog` has more to do.
        """
        yield

    @contextmanager
    def reading_files(self) -> Iterator[Connection]:
        """Open a transaction as `reading` does, with the index of files as schema ``files``.

        The schema is empty without an index of files. Raises as `reading` does.
        """
        from cachedb.catalog.files import attached  # noqa: PLC0415  (few commands read files)

        self._check_identity()
        with _explaining(), self._connected() as driver:
            attached.attach_for_reading(driver, self.files_path)
            with _transaction(driver, "BEGIN") as connection:
                yield connection

    @contextmanager
    def writing_files(self) -> Iterator[Connection]:
        """Open a transaction that may write the index of files, and nothing else.

        Raises as `writing` does.
        """
        from cachedb.catalog.files import attached  # noqa: PLC0415

        self._check_identity()
        with _explaining(), self._connected() as driver:
            attached.attach_for_writing(driver, self.files_path)
            # Not BEGIN IMMEDIATE, which locks the catalog as well: every commit would sync a
            # journal of both files, and other processes could not write the catalog meanwhile.
            with self._committing(driver, "BEGIN", attached.EXCLUDE_WRITERS) as connection:
                yield connection

    @property
    def files_path(self) -> Path | None:
        """The path of the index of files, which may not exist; None in memory."""
        from cachedb.catalog.files import attached  # noqa: PLC0415

        return None if self._path is None else self._path.with_name(attached.FILES)

    @property
    def has_files_index(self) -> bool:
        """Whether an index of files exists; costs one `stat` call."""
        path = self.files_path
        return path is not None and path.exists()

    @property
    def files_index_size(self) -> int:
        """Bytes of the index of files; 0 if there is none."""
        from cachedb.catalog.files import attached  # noqa: PLC0415

        return attached.size_of(self.files_path)

    def drop_files_index(self) -> bool:
        """Remove the index of files; return whether there was one."""
        from cachedb.catalog.files import attached  # noqa: PLC0415

        path = self.files_path
        return path is not None and attached.remove(path)

    @contextmanager
    def _committing(self, driver: sqlite3.Connection, *begin: str) -> Iterator[Connection]:
        """Open a transaction that excludes other writers; it commits when the block ends well."""
        first, *others = begin or ("BEGIN IMMEDIATE",)
        with _transaction(driver, first) as connection:
            for text in others:
                driver.execute(text)
            self._check_identity()  # checked again: another process may have replaced the file
            yield connection
            driver.execute("COMMIT")
            self.has_changed = True

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        if self._memory is not None:
            with self._turn:
                yield self._memory
            return
        with closing(self._connect()) as driver:
            yield driver

    def _connect(self) -> sqlite3.Connection:
        driver = WaitingConnection(
            f"file:{_quoted(self._path)}?mode={self._mode}&nofollow=1",
            paths=[path for path in (self._path, self.files_path) if path is not None],
            uri=True,
            check_same_thread=False,
        )
        try:
            _prepare(driver, durable=self._mode != "ro")
        except BaseException:
            driver.close()
            raise
        return driver

    def _check_identity(self) -> None:
        if database_file.identity(self._path) != self._identity:
            raise CatalogMismatch("the catalog was replaced meanwhile", hint="try again")

    def _bring_up_to_date(self) -> None:
        with closing(self._connect()) as driver:
            if revision.is_current(driver):
                return
            # Outside of a transaction, the only place where this pragma has an effect.
            driver.execute("PRAGMA foreign_keys = OFF")
            with _transaction(driver, "BEGIN IMMEDIATE"):
                if revision.is_empty(driver):
                    revision.create(driver)
                elif not revision.is_current(driver):  # another process may have upgraded it
                    self._back_up()
                    self._upgrade(driver)
                driver.execute("COMMIT")

    def _upgrade(self, driver: sqlite3.Connection) -> None:
        from cachedb.catalog.upgrade import upgrade  # noqa: PLC0415  (imports Alembic)

        upgrade(driver)

    def _back_up(self) -> None:
        """Copy the catalog beside itself; an earlier copy is replaced."""
        assert self._path is not None
        copy = self._path.with_name(f"{self._path.name}.before-upgrade")
        copy.unlink(missing_ok=True)
        database_file.make(copy)
        # A separate connection: SQLite does not copy from one that is in a write transaction.
        with closing(sqlite3.connect(self._path)) as source, closing(sqlite3.connect(copy)) as to:
            source.backup(to)


def _quoted(path: Path | None) -> str:
    """Escape a path for an SQLite URI, in which `?`, `#` and `%` have a meaning."""
    text = str(path)
    return text.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _prepare(driver: sqlite3.Connection, *, durable: bool) -> None:
    for pragma in (*database_file.PRAGMAS, *(_DURABLE if durable else ())):
        driver.execute(pragma)


@contextmanager
def _transaction(driver: sqlite3.Connection, begin: str) -> Iterator[Connection]:
    """Begin a transaction, and roll it back unless the block has committed it."""
    driver.execute(begin)
    try:
        yield Connection(driver)
    finally:
        if driver.in_transaction:
            driver.execute("ROLLBACK")


@contextmanager
def _explaining() -> Iterator[None]:
    """Raise errors of the driver as errors of cachedb, and an interrupted statement as Ctrl-C."""
    try:
        yield
    except UnicodeDecodeError as error:
        # A message of the driver about a damaged schema quotes from it.
        raise CatalogMismatch("the catalog is damaged: its schema cannot be read") from error
    except sqlite3.DatabaseError as error:
        if is_interrupted(error):
            raise KeyboardInterrupt from error
        raise _explained(error) from error


def _explained(error: sqlite3.DatabaseError) -> CacheError:
    text = str(error)
    if isinstance(error, sqlite3.IntegrityError) or any(word in text for word in _DAMAGED):
        return CatalogMismatch(f"the catalog is damaged: {text}", hint="cachedb doctor --rebuild")
    return StorageFailed(f"cannot use the catalog: {text}")
