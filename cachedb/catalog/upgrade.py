"""Bring a catalog to the newest schema, or refuse it."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from cachedb.catalog.enums import APPLICATION_ID, SCHEMA_VERSION
from cachedb.catalog.schema import metadata
from cachedb.errors import CatalogMismatch, SchemaTooNew

if TYPE_CHECKING:
    from sqlalchemy import Connection

_OURS = frozenset({"alembic_version"})


def is_empty(connection: Connection) -> bool:
    """Whether there is nothing in the database at all."""
    return connection.exec_driver_sql("SELECT 1 FROM sqlite_master").first() is None


def is_current(connection: Connection) -> bool:
    """Whether the catalog has the schema of this version.

    Raises:
        SchemaTooNew: A newer cachedb has written it.
        CatalogMismatch: It is some other database, or somebody put views or triggers into it.
    """
    version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    marked = int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())
    found = connection.exec_driver_sql("SELECT type, name FROM sqlite_master").all()
    if not found:
        return False
    if marked != APPLICATION_ID:
        raise CatalogMismatch("the catalog is some other program's database")
    if version > SCHEMA_VERSION:
        raise SchemaTooNew(
            f"the catalog has schema {version} and this cachedb knows {SCHEMA_VERSION}",
            hint="use the newer cachedb, or delete .cachedb/index.db: it is made again",
        )
    objects = {(str(kind), str(name)) for kind, name in found}
    _refuse_code(objects)
    if version == SCHEMA_VERSION:
        _check_objects(objects)
    return version == SCHEMA_VERSION


def upgrade(connection: Connection) -> None:
    """Apply the migrations that `connection` has not seen yet, inside its transaction.

    The caller has begun an IMMEDIATE transaction with foreign keys off: a batch migration of a
    parent table would otherwise delete the rows of its children.

    Raises:
        CatalogMismatch: It has seen migrations that we do not know, or rows would be left without
            their parent; nothing is kept.
    """
    from alembic import command  # noqa: PLC0415  (slow; only when needed)
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415

    with as_file(files("cachedb") / "migrations") as scripts:
        config = Config()
        config.set_main_option("script_location", str(scripts))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise CatalogMismatch(f"the catalog cannot be upgraded: {error}") from error
    if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        raise CatalogMismatch("an upgrade of the catalog would leave rows without their parent")
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _refuse_code(found: set[tuple[str, str]]) -> None:
    for kind, name in sorted(found):
        if kind not in {"table", "index"}:
            raise CatalogMismatch(f"the catalog holds the {kind} {name!r}: cachedb makes none")


def _check_objects(found: set[tuple[str, str]]) -> None:
    tables = {("table", name) for name in (*metadata.tables, *_OURS)}
    indexes = {
        ("index", str(index.name)) for table in metadata.tables.values() for index in table.indexes
    }
    known = tables | indexes
    strange = sorted(
        name
        for kind, name in found - known
        if not (kind == "index" and name.startswith("sqlite_autoindex_"))
    )
    if strange:
        raise CatalogMismatch(f"the catalog holds {strange[0]!r}, which cachedb did not make")
    if not tables <= found:
        raise CatalogMismatch("the catalog lacks a table")
