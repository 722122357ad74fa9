"""Index of files in a server: a schema beside that of the catalog, made and dropped with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.catalog import compiled
from cachedb.catalog.server.address import ServerAddress
from cachedb.catalog.server.catalog import ServerCatalog
from cachedb.catalog.server.schemas import file_schema
from cachedb.errors import CatalogMismatch, InvalidInput, StorageFailed
from cachedb.fleet import Fleet
from tests import build as images
from tests.archive import build
from tests.operations.test_image_files import BASE, NAME, OTHER, layer
from tests.postgresql import Server

TABLES = {name for kind, name, _ in compiled.file_tables("postgresql") if kind == "table"}
QUERY = "refs file:/etc/motd show name sort name"


@pytest.fixture
def tree(tmp_path: Path) -> images.Tree:
    """A layout of two images, the second with one more layer."""
    upper = layer(build.file("etc/motd", b"two\n"), build.file("usr/lib/.wh.os-release"))
    one, two = images.image(layer(*BASE)), images.image(layer(*BASE), upper)
    return images.layout(tmp_path / "cache", {NAME: one, OTHER: two})


@pytest.fixture
def url(server: Server) -> str:
    return server.fresh()


def name_of(url: str) -> str:
    return url.rpartition("cache=")[2]


def tables(server: Server, schema: str) -> set[str]:
    found = server.psql(f"SELECT tablename FROM pg_tables WHERE schemaname = '{schema}'")
    return set(found.split())


def rows(server: Server, schema: str, table: str) -> int:
    return int(server.psql(f'SELECT COUNT(*) FROM "{schema}".{table}'))


def found(cache: Cache) -> list[str]:
    return [row.name for row in cache.query(QUERY)]


def test_the_schema_of_the_catalog_holds_no_table_of_files(
    server: Server, tree: images.Tree, url: str
) -> None:
    with Cache.open(tree.path, catalog=url) as cache:
        cache.index_files()
        assert found(cache) == [NAME, OTHER]

    assert not tables(server, name_of(url)) & TABLES
    assert tables(server, f"{name_of(url)}.files") == TABLES
    assert rows(server, f"{name_of(url)}.files", "entry") > len(BASE)


def test_the_index_is_dropped_and_made_again(server: Server, tree: images.Tree, url: str) -> None:
    with Cache.open(tree.path, catalog=url) as cache:
        first = cache.index_files()
        assert cache.drop_files_index()
        assert not any(rows(server, f"{name_of(url)}.files", table) for table in TABLES)
        assert found(cache) == []
        assert not cache.drop_files_index()
        again = cache.index_files()
        assert (again.read, again.entries) == (first.read, first.entries)
        assert found(cache) == [NAME, OTHER]


def test_a_schema_that_was_dropped_is_made_when_the_catalog_is_opened(
    server: Server, tree: images.Tree, url: str
) -> None:
    with Cache.open(tree.path, catalog=url) as cache:
        cache.index_files()
        server.psql(f'DROP SCHEMA "{name_of(url)}.files" CASCADE')
        with pytest.raises(CatalogMismatch, match="was dropped"):
            cache.query(QUERY)

    with Cache.open(tree.path, catalog=url) as cache:
        assert found(cache) == []
        cache.index_files()
        assert found(cache) == [NAME, OTHER]


@pytest.mark.parametrize(
    "damage",
    [
        "COMMENT ON SCHEMA {schema} IS 'cachedb index of files, version 1'",
        "DROP TABLE {schema}.hidden",
        "DROP INDEX {schema}.ix_files_entry_path_id",
    ],
    ids=["another version", "missing table", "missing index"],
)
def test_tables_of_another_shape_are_replaced_by_empty_ones(
    server: Server, tree: images.Tree, url: str, damage: str
) -> None:
    with Cache.open(tree.path, catalog=url) as cache:
        cache.index_files()
    server.psql(damage.format(schema=f'"{name_of(url)}.files"'))

    with Cache.open(tree.path, catalog=url) as cache:
        assert found(cache) == []
        cache.index_files()
        assert found(cache) == [NAME, OTHER]
    assert tables(server, f"{name_of(url)}.files") == TABLES


def test_tables_of_another_program_are_left_alone(
    server: Server, tree: images.Tree, url: str
) -> None:
    schema = f'"{name_of(url)}.files"'
    server.psql(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.entry (id INTEGER)")

    with pytest.raises(CatalogMismatch, match="holds tables of another program"):
        Cache.open(tree.path, catalog=url)

    assert tables(server, f"{name_of(url)}.files") == {"entry"}


def test_gc_drops_the_rows_of_files_with_their_layer(
    server: Server, tree: images.Tree, url: str
) -> None:
    schema = f"{name_of(url)}.files"
    with Cache.open(tree.path, catalog=url) as cache:
        cache.index_files()
        before = rows(server, schema, "entry")
        assert rows(server, schema, "layer") == 2
        cache.remove(cache.plan_removal([OTHER]))
        cache.collect(cache.plan_collection(grace=0))

        assert (rows(server, schema, "layer"), rows(server, schema, "image")) == (1, 1)
        assert rows(server, schema, "hidden") == 0
        assert len(BASE) <= rows(server, schema, "entry") < before
        assert found(cache) == [NAME]


def test_a_rebuild_of_the_catalog_keeps_the_index(
    server: Server, tree: images.Tree, url: str
) -> None:
    with Cache.open(tree.path, catalog=url) as cache:
        cache.index_files()
    entries = rows(server, f"{name_of(url)}.files", "entry")

    Cache.rebuild(tree.path, catalog=url)

    assert rows(server, f"{name_of(url)}.files", "entry") == entries
    with Cache.open(tree.path, catalog=url) as cache:
        assert found(cache) == [NAME, OTHER]


def test_dropping_a_catalog_drops_its_index_of_files(
    server: Server, tree: images.Tree, url: str
) -> None:
    Cache.open(tree.path, catalog=url).close()

    assert ServerCatalog.drop(ServerAddress.parse(url), name_of(url))

    assert not tables(server, name_of(url))
    assert not tables(server, f"{name_of(url)}.files")


def test_a_cache_cannot_have_the_name_of_an_index_of_files(server: Server) -> None:
    with pytest.raises(InvalidInput, match="the name of a cache"):
        ServerAddress.parse(server.url("app.files"))


@pytest.mark.parametrize("name", ["a" * 55, "0-a.b_c", "select"])
def test_the_name_of_a_schema_may_be_long_or_a_word_of_sql(
    server: Server, tree: images.Tree, name: str
) -> None:
    with Cache.open(tree.path, catalog=server.url(name)) as cache:
        cache.index_files()
        assert found(cache) == [NAME, OTHER]
    assert tables(server, f"{name}.files") == TABLES
    assert not tables(server, name) & TABLES


@pytest.fixture
def role(server: Server) -> Iterator[str]:
    """A role that owns the schema of a catalog, and may make no other."""
    server.psql("CREATE ROLE keeper LOGIN; CREATE SCHEMA kept AUTHORIZATION keeper")
    server.psql("CREATE ROLE asker LOGIN; GRANT USAGE ON SCHEMA kept TO asker")
    server.psql(
        "ALTER DEFAULT PRIVILEGES FOR ROLE keeper IN SCHEMA kept GRANT SELECT ON TABLES TO asker"
    )
    yield "keeper"
    server.psql("DROP OWNED BY keeper CASCADE; DROP OWNED BY asker; DROP ROLE keeper, asker")


def test_a_role_is_told_the_rights_that_the_index_needs(
    server: Server, tree: images.Tree, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cachedb.layout.fingerprint._RACY_NS", 0)
    url = server.url("kept").replace("postgres@", f"{role}@")
    with pytest.raises(StorageFailed, match=r"cannot make the schema 'kept\.files'") as refused:
        Cache.open(tree.path, catalog=url)
    assert refused.value.hint == f'CREATE SCHEMA "kept.files" AUTHORIZATION {role}'

    server.psql(refused.value.hint)
    with Cache.open(tree.path, catalog=url) as cache:
        cache.index_files()
        assert cache.drop_files_index()
        cache.index_files()
        assert found(cache) == [NAME, OTHER]

    asker = server.url("kept").replace("postgres@", "asker@")
    with Cache.open(tree.path, catalog=asker) as cache:
        assert len(cache.list()) == 2
        with pytest.raises(
            StorageFailed, match=r"no right on the schema 'kept\.files'"
        ) as refused:
            cache.query(QUERY)
        assert refused.value.hint is not None
        server.psql(refused.value.hint)
        server.psql('GRANT SELECT ON ALL TABLES IN SCHEMA "kept.files" TO asker')
        assert found(cache) == [NAME, OTHER]


def test_a_fleet_asks_the_files_of_copies_and_of_catalogs(
    server: Server, tree: images.Tree, tmp_path: Path
) -> None:
    database = server.make_database()
    live = images.layout(tmp_path / "live", {NAME: images.image(layer(*BASE))})
    bare = images.layout(tmp_path / "bare", {NAME: images.image(layer(*BASE))})
    with Cache.open(tree.path) as cache:
        cache.index_files()
        cache.join_fleet(server.url("copy", database))
    with Cache.open(bare.path) as cache:
        cache.join_fleet(server.url("bare", database))
    with Cache.open(live.path, catalog=server.url("live", database)) as cache:
        cache.index_files()

    with Fleet.open(server.url(database=database)) as fleet:
        asked = fleet.query("refs file:/etc/motd show cache,name sort cache,name").to_dicts()
        fleet.remove("copy")
        left = [member.cache for member in fleet.members()]
    assert [tuple(row.values()) for row in asked] == [
        ("copy", NAME), ("copy", OTHER), ("live", NAME),
    ]  # fmt: skip
    assert left == ["bare", "live"]
    names = server.psql("SELECT nspname FROM pg_namespace", database).split()
    assert {name for name in names if name.endswith(".files")} == {"bare.files", "live.files"}


def test_the_names_of_tables_are_those_that_are_compiled() -> None:
    assert set(file_schema.tables()) == TABLES
