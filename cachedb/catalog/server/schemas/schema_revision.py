"""Revision of a catalog in a server: its schema, created and upgraded by the migrations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from cachedb.catalog import compiled
from cachedb.catalog.enums import SCHEMA_VERSION
from cachedb.catalog.server.address import FILES, NEW, OLD, files_schema
from cachedb.catalog.server.schemas import grants
from cachedb.errors import CatalogMismatch, SchemaTooNew

if TYPE_CHECKING:
    import psycopg

    Driver = psycopg.Connection[Any]

_FEW_DEAD_ROWS = 10_000
OLDEST = 150000
"""Oldest supported version of PostgreSQL, as `server_version_num` counts."""


def check_database(driver: Driver) -> None:
    """Refuse a database that cannot hold a catalog.

    Raises:
        CatalogMismatch: Its encoding is not UTF-8, or the server is older than PostgreSQL 15.
    """
    ((encoding, version),) = driver.execute(
        "SELECT current_setting('server_encoding'), current_setting('server_version_num')::INTEGER"
    )
    if encoding != "UTF8":
        what = f"the encoding of the database is {encoding}, and names of images are UTF-8"
        raise CatalogMismatch(what, hint="createdb --encoding=UTF8 --template=template0 NAME")
    if version < OLDEST:
        raise CatalogMismatch(f"the server is PostgreSQL {version // 10000}: 15 is the oldest")


def schema_id(driver: Driver, name: str) -> int | None:
    """Return the OID of a schema, which differs from that of a replacement; None without one."""
    row = driver.execute(finding_id(name)).fetchone()
    return None if row is None else int(row[0])


def finding_id(name: str) -> sql.Composed:
    """Return the query of the OID of a schema, without parameters: several can be one message."""
    return sql.SQL("SELECT oid FROM pg_namespace WHERE nspname = {}").format(sql.Literal(name))


def version_of(driver: Driver, name: str) -> int:
    """Return the version of the tables in a schema; 0 if it holds no table.

    Raises:
        CatalogMismatch: The tables belong to another program.
        SchemaTooNew: A newer cachedb has made them.
    """
    tables = {
        str(table)
        for (table,) in driver.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = ("
            "SELECT oid FROM pg_namespace WHERE nspname = %s) AND relkind IN ('r', 'p', 'v', 'm')",
            (name,),
        )
    }
    if not tables:
        return 0
    if not {"alembic_version", "blob", "ref"} <= tables:
        raise CatalogMismatch(
            f"the schema {name!r} of the database holds tables of another program",
            hint="choose another with ?cache=NAME",
        )
    query = sql.SQL("SELECT version_num FROM {}.alembic_version").format(sql.Identifier(name))
    row = driver.execute(query).fetchone()
    version = int(row[0]) if row is not None and str(row[0]).isdecimal() else 0
    if version == 0:
        raise CatalogMismatch(f"the schema {name!r} does not record its revision")
    if version > SCHEMA_VERSION:
        raise SchemaTooNew(
            f"the catalog has schema {version} and this cachedb knows {SCHEMA_VERSION}",
            hint="use the newer cachedb",
        )
    return version


def check_current(version: int) -> None:
    """Refuse tables of another version than this one; 0 stands for none.

    Raises:
        CatalogMismatch: There are none, or they are of an older version.
    """
    if version != SCHEMA_VERSION:
        older = "the catalog is of an older version"
        raise CatalogMismatch(older if version else "there is no catalog")


def check_written_by_us(driver: Driver, name: str) -> None:
    """Refuse to write a catalog that a newer cachedb has upgraded since it was opened.

    Raises:
        SchemaTooNew: It has done so.
    """
    query = sql.SQL("SELECT version_num FROM {}.alembic_version").format(sql.Identifier(name))
    row = driver.execute(query).fetchone()
    if row is not None and int(row[0]) > SCHEMA_VERSION:
        raise SchemaTooNew(
            f"another process has upgraded the catalog to schema {int(row[0])}, and this cachedb"
            f" knows {SCHEMA_VERSION}",
            hint="use the newer cachedb",
        )


def readable(driver: Driver) -> list[str]:
    """Return the names of the schemas with a catalog that the user may read, sorted.

    A catalog that is being rebuilt, or was replaced by a rebuild, is left out.
    """
    rows = driver.execute(
        "SELECT nspname FROM pg_namespace AS schema WHERE has_schema_privilege(oid, 'USAGE')"
        " AND NOT nspname LIKE ANY (ARRAY['pg_%%', %s, %s, %s])"
        " AND (SELECT COUNT(*) FROM pg_class WHERE relnamespace = schema.oid"
        "      AND relname IN ('alembic_version', 'blob', 'ref')"
        "      AND has_table_privilege(pg_class.oid, 'SELECT')) = 3"
        ' ORDER BY nspname COLLATE "C"',
        (f"%{NEW}", f"%{OLD}", f"%{FILES}"),
    )
    return [str(name) for (name,) in rows]


def versions(driver: Driver, names: list[str]) -> dict[str, int]:
    """Return the revision of each of some schemas with a catalog, in one statement.

    A schema without a legible revision has 0.
    """
    if not names:
        return {}
    each = (
        sql.SQL("SELECT {}::TEXT, (SELECT MAX(version_num)::TEXT FROM {}.alembic_version)").format(
            sql.Literal(name), sql.Identifier(name)
        )
        for name in names
    )
    rows = driver.execute(sql.SQL(" UNION ALL ").join(each)).fetchall()
    found = {str(name): str(revision) for name, revision in rows}
    return {name: int(found[name]) if found[name].isdecimal() else 0 for name in names}


def rename(driver: Driver, name: str, to: str) -> None:
    """Rename a schema, inside the caller's transaction."""
    text = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
    driver.execute(text.format(sql.Identifier(name), sql.Identifier(to)))


def copy_rights(driver: Driver, name: str, to: str) -> None:
    """Grant the rights of other roles on a catalog on another one, inside a transaction."""
    made = [each for kind, each, _ in compiled.tables("postgresql") if kind == "table"]
    grants.copy(driver, name, to, made)


def drop(driver: Driver, name: str) -> None:
    """Drop a schema with its tables if there is one, inside the caller's transaction."""
    driver.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))


def missing(driver: Driver, name: str) -> list[str]:
    """Describe the tables and indexes that a catalog of this version has, and the schema has not.

    An index that the server has marked as invalid counts as missing.
    """
    found = {
        str(relation)
        for (relation,) in driver.execute(
            "SELECT relname FROM pg_class LEFT JOIN pg_index ON indexrelid = pg_class.oid"
            " WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s)"
            " AND indisvalid IS NOT FALSE",
            (name,),
        )
    }
    return [
        f"the {kind} {relation} is missing"
        for kind, relation, _ in compiled.tables("postgresql")
        if kind != "row" and relation not in found
    ]


def remarks(driver: Driver, name: str) -> list[str]:
    """Describe server, database and schema: versions, encoding, order, size, rows to vacuum."""
    ((version, encoding, collation, revision),) = driver.execute(
        sql.SQL(
            "SELECT current_setting('server_version'), pg_encoding_to_char(encoding), datcollate,"
            " (SELECT version_num FROM {}.alembic_version)"
            " FROM pg_database WHERE datname = current_database()"
        ).format(sql.Identifier(name))
    )
    ((size, dead, live),) = driver.execute(
        "SELECT COALESCE(SUM(pg_total_relation_size(relid)), 0)::BIGINT,"
        " COALESCE(SUM(n_dead_tup), 0)::BIGINT, COALESCE(SUM(n_live_tup), 0)::BIGINT"
        " FROM pg_stat_user_tables WHERE schemaname IN (%s, %s)",
        (name, files_schema(name)),
    )
    server = (
        f'PostgreSQL {version}, encoding {encoding}, collation {collation} (columns have "C"),'
        f" schema {revision}, {size} bytes"
    )
    found = [server]
    if dead > max(live, _FEW_DEAD_ROWS):
        found.append(f"{dead} dead rows beside {live} live ones: VACUUM has not run for long")
    return found


def create(driver: Driver, name: str) -> None:
    """Make a schema and the tables of this version, inside the caller's transaction."""
    if schema_id(driver, name) is None:  # one that is there needs no right to make another
        driver.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
    made = compiled.tables("postgresql")
    driver.execute(";\n".join(text for _, _, text in made))  # one message, not one for each
