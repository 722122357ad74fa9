"""Schema of the index of files of a cache in a server: made beside that of its catalog.

Every row is derived from layers. Tables of another version are replaced by empty ones, and the
schema itself stays: its owner may have no right to make another, and readers have their rights on
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from psycopg import errors, sql

from cachedb.catalog import compiled
from cachedb.catalog.files.file_codes import FILES_VERSION
from cachedb.catalog.server.schemas import grants
from cachedb.errors import CatalogMismatch, StorageFailed

if TYPE_CHECKING:
    import psycopg

    Driver = psycopg.Connection[Any]

_OURS: Final = "cachedb index of files, version "
_MARK: Final = f"{_OURS}{FILES_VERSION}"
"""Comment of the schema, which tells the version of its tables."""


def tables() -> list[str]:
    """Return the names of the tables of the index of files."""
    return [name for kind, name, _ in compiled.file_tables("postgresql") if kind == "table"]


def is_current(driver: Driver, name: str) -> bool:
    """Return whether a schema has the tables and indexes of this version.

    Raises:
        CatalogMismatch: It has tables of another program.
    """
    row = driver.execute(
        "SELECT COALESCE(obj_description(oid, 'pg_namespace'), ''), ARRAY(SELECT relname::TEXT"
        " FROM pg_class WHERE relnamespace = schema.oid AND relkind IN ('r', 'i'))"
        " FROM pg_namespace AS schema WHERE nspname = %s",
        (name,),
    ).fetchone()
    if row is None:
        return False
    mark, found = row
    if found and not mark.startswith(_OURS):
        raise CatalogMismatch(
            f"the schema {name!r} of the database holds tables of another program",
            hint="choose another with ?cache=NAME",
        )
    made = {each for _, each, _ in compiled.file_tables("postgresql")}
    return mark == _MARK and made <= set(found)


def create(driver: Driver, name: str) -> None:
    """Make a schema with empty tables of this version; those of another one are dropped.

    Other roles have the same rights on the tables as before.

    Inside the transaction of the caller, whose `search_path` is this schema afterwards.

    Raises:
        StorageFailed: The user may not make a schema in the database.
    """
    schema = sql.Identifier(name)
    row = driver.execute("SELECT oid FROM pg_namespace WHERE nspname = %s", (name,)).fetchone()
    if row is None:
        _create_schema(driver, schema, name)
    driver.execute(sql.SQL("SET LOCAL search_path = {}").format(schema))
    rights = grants.on_tables(driver, name, tables())
    for (table,) in driver.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = %s", (name,)
    ).fetchall():
        driver.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(table)))
    made = compiled.file_tables("postgresql")
    driver.execute(";\n".join(text for _, _, text in made))  # one message, not one for each
    grants.run(driver, rights)
    driver.execute(sql.SQL("COMMENT ON SCHEMA {} IS {}").format(schema, sql.Literal(_MARK)))


def _create_schema(driver: Driver, schema: sql.Identifier, name: str) -> None:
    try:
        driver.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
    except errors.InsufficientPrivilege as error:
        reason = error.diag.message_primary
        raise StorageFailed(
            f"cannot make the schema {name!r} of the index of files: {reason}",
            hint=f'CREATE SCHEMA "{name}" AUTHORIZATION {driver.info.user}',
        ) from error


def check_readable(driver: Driver, name: str) -> None:
    """Refuse a schema that is absent, or that the user may not read.

    Raises:
        CatalogMismatch: It is absent.
        StorageFailed: The user has no right on it.
    """
    row = driver.execute(
        "SELECT has_schema_privilege(oid, 'USAGE')::INTEGER FROM pg_namespace WHERE nspname = %s",
        (name,),
    ).fetchone()
    if row is None:
        what = f"the schema {name!r} of the index of files was dropped"
        raise CatalogMismatch(what, hint="cachedb index files --all")
    if not row[0]:
        raise StorageFailed(
            f"cannot read the index of files: no right on the schema {name!r}",
            hint=f'GRANT USAGE ON SCHEMA "{name}" TO {driver.info.user}',
        )


def size_of(driver: Driver, name: str) -> int:
    """Return the bytes of the tables and indexes of a schema."""
    ((size,),) = driver.execute(
        "SELECT COALESCE(SUM(pg_total_relation_size(pg_class.oid)), 0)::BIGINT"
        " FROM pg_class JOIN pg_namespace AS schema ON schema.oid = relnamespace"
        " WHERE nspname = %s AND relkind = 'r'",
        (name,),
    )
    return int(size)
