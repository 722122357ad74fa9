"""Database file of the index of files: attach to a connection of the catalog, create, replace.

Every row is derived from layers: a file of another version, or a damaged one, is replaced by an
empty one. Without a file, reading finds empty tables in memory.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from cachedb.catalog import compiled, database_file
from cachedb.catalog.files.file_codes import FILES_VERSION
from cachedb.errors import CatalogMismatch

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

FILES = "files.db"
"""Name of the file beside the catalog."""
_APPLICATION_ID = 0x0C1F11E5
_PAGE = 2048
"""Bytes of a page: most of the tables and indexes are nearly empty, and each takes a page."""

EXCLUDE_WRITERS = "DELETE FROM files.layer WHERE 0"
"""Statement that locks the index of files for a transaction, and nothing else."""


def attach_for_reading(driver: sqlite3.Connection, path: Path | None) -> None:
    """Attach the index of files as ``files``, outside of a transaction.

    A file that is absent or of another version counts as empty.

    Raises:
        CatalogMismatch: Another user can write the file.
    """
    if path is None or not database_file.check(path):
        _attach_memory(driver)
        return
    _attach(driver, path, "ro")
    _check_program(driver)
    if not _is_current(driver):
        driver.execute("DETACH files")
        _attach_memory(driver)


def attach_for_writing(driver: sqlite3.Connection, path: Path | None) -> None:
    """Attach the index of files as ``files``; create it, or replace one of another version.

    Raises:
        CatalogMismatch: Another user can write the file.
    """
    if path is None:
        _attach_memory(driver)
        return
    database_file.check(path)
    database_file.make(path)
    _attach(driver, path, "rw")
    _check_program(driver)
    if _is_empty(driver):
        _create(driver)
    if _is_current(driver):
        return
    driver.execute("DETACH files")
    remove(path)
    database_file.make(path)
    _attach(driver, path, "rw")
    _create(driver)


def remove(path: Path) -> bool:
    """Remove the index of files; return whether there was one."""
    existed = path.exists()
    for name in (path.name, f"{path.name}-journal"):
        path.with_name(name).unlink(missing_ok=True)
    return existed


def size_of(path: Path | None) -> int:
    """Return the bytes of the index of files; 0 if there is none."""
    with suppress(OSError):
        return 0 if path is None else path.stat().st_size
    return 0


def _attach(driver: sqlite3.Connection, path: Path, mode: str) -> None:
    quoted = str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    driver.execute("ATTACH ? AS files", (f"file:{quoted}?mode={mode}&nofollow=1",))
    if mode == "rw":
        driver.execute("PRAGMA files.journal_mode = TRUNCATE")


def _attach_memory(driver: sqlite3.Connection) -> None:
    attached = {name for _, name, _ in driver.execute("PRAGMA database_list")}
    if "files" not in attached:
        driver.execute("ATTACH ':memory:' AS files")
        _create(driver)


def _create(driver: sqlite3.Connection) -> None:
    """Create the tables, unless another process has created them meanwhile."""
    driver.execute(f"PRAGMA files.page_size = {_PAGE}")
    driver.execute("BEGIN")
    # The first statement of the transaction locks this file only.
    driver.execute(f"PRAGMA files.application_id = {_APPLICATION_ID}")
    if _is_empty(driver):
        for _, _, text in compiled.file_tables("sqlite"):
            driver.execute(text)
        driver.execute(f"PRAGMA files.user_version = {FILES_VERSION}")
    driver.execute("COMMIT")


def _is_empty(driver: sqlite3.Connection) -> bool:
    return driver.execute("SELECT 1 FROM files.sqlite_master").fetchone() is None


def _check_program(driver: sqlite3.Connection) -> None:
    ((marked,),) = driver.execute("PRAGMA files.application_id")
    if marked not in {0, _APPLICATION_ID}:
        raise CatalogMismatch(f"{FILES} is the database of another program", hint="remove it")


def _is_current(driver: sqlite3.Connection) -> bool:
    """Return whether the attached file has the tables of this version, and no other object."""
    ((version,),) = driver.execute("PRAGMA files.user_version")
    ((marked,),) = driver.execute("PRAGMA files.application_id")
    if (marked, version) != (_APPLICATION_ID, FILES_VERSION):
        return False
    found = {
        (str(kind), str(name))
        for kind, name in driver.execute("SELECT type, name FROM files.sqlite_master")
        if not str(name).startswith("sqlite_autoindex_")
    }
    return found == {(kind, name) for kind, name, _ in compiled.file_tables("sqlite")}
