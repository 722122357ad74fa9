"""Revision of a catalog: check of its tables, and their creation in an empty database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog import compiled
from cachedb.catalog.enums import APPLICATION_ID, SCHEMA_VERSION
from cachedb.errors import CatalogMismatch, SchemaTooNew

if TYPE_CHECKING:
    import sqlite3


def is_empty(driver: sqlite3.Connection) -> bool:
    """Return whether the database holds no object at all."""
    return driver.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def create(driver: sqlite3.Connection) -> None:
    """Make the tables of this version in an empty database, inside the caller's transaction."""
    for _, _, text in compiled.tables("sqlite"):
        driver.execute(text)
    mark(driver)


def mark(driver: sqlite3.Connection) -> None:
    """Mark a database as a catalog of this version."""
    driver.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    driver.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def is_current(driver: sqlite3.Connection) -> bool:
    """Return whether the catalog has the schema of this version.

    Raises:
        SchemaTooNew: A newer cachedb has written it.
        CatalogMismatch: The database is of another program, or holds foreign views or triggers.
    """
    ((version,),) = driver.execute("PRAGMA user_version")
    ((marked,),) = driver.execute("PRAGMA application_id")
    found = driver.execute("SELECT type, name FROM sqlite_master").fetchall()
    if not found:
        return False
    if marked != APPLICATION_ID:
        raise CatalogMismatch("the catalog is the database of another program")
    if version > SCHEMA_VERSION:
        raise SchemaTooNew(
            f"the catalog has schema {version} and this cachedb knows {SCHEMA_VERSION}",
            hint="use the newer cachedb, or delete .cachedb/index.db: the next command creates it",
        )
    objects = {(str(kind), str(name)) for kind, name in found}
    _refuse_code(objects)
    if version == SCHEMA_VERSION:
        _check_objects(objects)
    return bool(version == SCHEMA_VERSION)


def _refuse_code(found: set[tuple[str, str]]) -> None:
    for kind, name in sorted(found):
        if kind not in {"table", "index"}:
            raise CatalogMismatch(
                f"the catalog holds the {kind} {name!r}, which cachedb does not create"
            )


def _check_objects(found: set[tuple[str, str]]) -> None:
    made = [(kind, name) for kind, name, _ in compiled.tables("sqlite")]
    known = {(kind, name) for kind, name in made if kind in {"table", "index"}}
    strange = sorted(
        name
        for kind, name in found - known
        if not (kind == "index" and name.startswith("sqlite_autoindex_"))
    )
    if strange:
        raise CatalogMismatch(f"the catalog holds {strange[0]!r}, which cachedb did not make")
    if not {each for each in known if each[0] == "table"} <= found:
        raise CatalogMismatch("the catalog lacks a table")
