"""Catalogs of older revisions in a server: upgraded by one host, while others wait."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from cachedb.cache import Cache
from cachedb.catalog import upgrade
from cachedb.catalog.enums import SCHEMA_VERSION
from cachedb.catalog.server.schemas import schema_revision
from cachedb.errors import SchemaTooNew
from tests import build
from tests.catalog import released_catalogs
from tests.conftest import APP, TOOL
from tests.postgresql import Server

HOSTS = 8
OLDER = [name for name in released_catalogs.stored() if int(name) < SCHEMA_VERSION]


def statements(stored: Path) -> Iterator[str]:
    """Yield the statements that write the rows of a stored catalog, but for its revision."""
    for statement in stored.read_text().split(";\n"):
        if statement.startswith("INSERT INTO") and "alembic_version" not in statement:
            yield statement


def store(server: Server, schema: str, revision: str) -> None:
    """Make the catalog of a revision in a server by its migrations, with the stored rows."""
    with psycopg.connect(server.url().replace("+psycopg", "")) as driver:
        name = sql.Identifier(schema)
        driver.execute(sql.SQL("CREATE SCHEMA {0}; SET search_path = {0}").format(name))
        driver.execute("SET LOCAL session_replication_role = replica")  # rows are in any order
        upgrade.upgrade_schema(driver, revision)
        for statement in statements(released_catalogs.stored()[revision]):
            driver.execute(statement.encode())


_COLUMNS = (
    "SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name"
    " FROM information_schema.columns WHERE table_schema = %(schema)s"
)
_INDEXES = "SELECT replace(indexdef, %(schema)s, '') FROM pg_indexes WHERE schemaname = %(schema)s"
_CONSTRAINTS = (
    "SELECT conrelid::REGCLASS::TEXT, replace(pg_get_constraintdef(oid), %(schema)s, '')"
    " FROM pg_constraint WHERE connamespace = %(schema)s::REGNAMESPACE"
)


def objects(driver: "psycopg.Connection[Any]", schema: str) -> set[tuple[Any, ...]]:
    """Return every column, index and constraint of a schema."""
    driver.execute(sql.SQL("SET LOCAL search_path = {}").format(sql.Identifier(schema)))
    found: set[tuple[Any, ...]] = set()
    for text in (_COLUMNS, _INDEXES, _CONSTRAINTS):
        rows = driver.execute(text, {"schema": schema}).fetchall()
        assert rows
        found |= set(rows)
    return found


def test_migrations_make_the_very_tables_that_are_compiled_ahead(server: Server) -> None:
    with psycopg.connect(server.url().replace("+psycopg", "")) as driver:
        for schema in ("migrated", "compiled"):
            name = sql.Identifier(schema)
            driver.execute(sql.SQL("CREATE SCHEMA {0}; SET search_path = {0}").format(name))
            if schema == "migrated":
                upgrade.upgrade_schema(driver)
            else:
                schema_revision.create(driver, schema)
        assert objects(driver, "migrated") == objects(driver, "compiled")
        driver.rollback()


@pytest.mark.parametrize("revision", OLDER)
def test_one_of_several_hosts_upgrades_a_catalog_and_its_rows_stay(
    revision: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = build.layout(tmp_path / "cache", {"example.com/app:1": APP, "tool": TOOL})
    url = server.fresh()
    schema = url.rpartition("cache=")[2]
    store(server, schema, revision)
    upgrades: list[str] = []
    migrate = upgrade.upgrade_schema

    def counted(driver: Any, to: str = "head") -> None:
        upgrades.append(to)
        migrate(driver, to)

    monkeypatch.setattr(upgrade, "upgrade_schema", counted)

    def names(_host: int) -> list[str | None]:
        with Cache.open(tree.path, catalog=url) as cache:
            return [each.name for each in cache.list()]

    with ThreadPoolExecutor(HOSTS) as pool:
        found = list(pool.map(names, range(HOSTS)))

    assert found == [["example.com/app:1", "tool"]] * HOSTS
    assert upgrades == ["head"]
    hints = server.psql(f'SELECT source, pulled FROM "{schema}".ref')
    assert hints.split() == ["pull|22", "pull|22"]
    assert server.psql(f'SELECT version_num FROM "{schema}".alembic_version').strip() == (
        f"{SCHEMA_VERSION:04}"
    )


def test_a_host_with_an_older_version_is_told_when_another_has_upgraded(
    server: Server, tmp_path: Path
) -> None:
    tree = build.layout(tmp_path / "cache", {"example.com/app:1": APP})
    url = server.fresh()
    before = (tree.path / "index.json").read_bytes()
    with Cache.open(tree.path, catalog=url) as cache:
        schema = url.rpartition("cache=")[2]
        server.psql(f"UPDATE \"{schema}\".alembic_version SET version_num = '9999'")
        with pytest.raises(SchemaTooNew, match="upgraded the catalog to schema 9999"):
            cache.verify()

    with pytest.raises(SchemaTooNew, match="the catalog has schema 9999"):
        Cache.open(tree.path, catalog=url)
    assert (tree.path / "index.json").read_bytes() == before
