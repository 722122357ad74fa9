import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import alembic.autogenerate
import alembic.migration
import alembic.util
import pytest
from sqlalchemy import create_engine, insert

import cachedb
from cachedb.catalog import compiled, revision, upgrade
from cachedb.catalog.connect import Catalog
from cachedb.catalog.enums import SCHEMA_VERSION
from cachedb.catalog.schema import blob, edge, metadata
from cachedb.errors import CatalogMismatch, StorageFailed
from tests.layout import child
from tests.sql import on

MIGRATIONS = Path(cachedb.__file__).parent / "migrations"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.db"


def objects(path: Path) -> dict[str, str | None]:
    """Return the SQL of every table and index, spaces made alike."""
    with closing(sqlite3.connect(path)) as raw:
        found = raw.execute("SELECT name, sql FROM sqlite_master").fetchall()
    return {name: sql and " ".join(sql.replace('"', "").split()) for name, sql in found}


def parts_of(sql: str) -> set[str]:
    """Split a CREATE TABLE into its parts: migrations and metadata may order them differently."""
    head, _, rest = sql.partition("(")
    inside, _, tail = rest.rpartition(")")
    return {head, tail, *(part.strip() for part in inside.split(", "))}


# -- the migrations make the schema ---------------------------------------------------------------


@pytest.fixture
def migrated(tmp_path: Path) -> Path:
    """A catalog that was made by every migration, one after the other."""
    path = tmp_path / "migrated.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as driver:
        driver.execute("BEGIN IMMEDIATE")
        upgrade.upgrade(driver)
        driver.execute("COMMIT")
    return path


def test_migrations_and_metadata_do_not_differ(migrated: Path) -> None:
    engine = create_engine(f"sqlite:///{migrated}")
    with engine.connect() as connection:
        context = alembic.migration.MigrationContext.configure(connection)
        assert alembic.autogenerate.compare_metadata(context, metadata) == []
    engine.dispose()


def test_migrations_make_the_very_tables_that_are_compiled_ahead(
    path: Path, migrated: Path
) -> None:
    """Also what alembic does not compare: STRICT, WITHOUT ROWID, the condition of an index."""
    Catalog.open(path).close()
    made, by_migrations = objects(path), objects(migrated)
    assert by_migrations.keys() == made.keys()
    for name, sql in made.items():
        found = by_migrations[name]
        if sql is None:
            assert found is None
        else:
            assert found is not None
            assert parts_of(found) == parts_of(sql)


def test_every_table_is_strict(path: Path) -> None:
    Catalog.open(path).close()
    for name in metadata.tables:
        assert (objects(path)[name] or "").endswith("STRICT"), name


def test_the_index_of_the_unwell_is_partial(path: Path) -> None:
    Catalog.open(path).close()
    assert (objects(path)["ix_blob_unwell"] or "").endswith("WHERE state != 1")


# -- from one version to the next -----------------------------------------------------------------

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "0002"


def upgrade():
    with op.batch_alter_table("blob") as batch:
        batch.add_column(sa.Column("colour", sa.Text(), nullable=True))
    op.create_table("extra", sa.Column("id", sa.Integer(), primary_key=True))
    {then}
"""


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Pretend that there is a newer revision, which rebuilds a table that others refer to."""

    def make(then: str = "pass") -> None:
        package = tmp_path / "package"
        shutil.copytree(MIGRATIONS, package / "migrations")
        (package / "migrations" / "versions" / "9999_next.py").write_text(NEXT.format(then=then))
        monkeypatch.setattr(upgrade, "files", lambda _name: package)
        monkeypatch.setattr(revision, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
        monkeypatch.setattr(revision, "_check_objects", lambda _found: None)

    return make


@pytest.fixture
def old(path: Path) -> Path:
    """A catalog of the version of today, with rows."""
    catalog = Catalog.open(path)
    row = {"size": 1, "kind": 0, "state": 1, "media_type": "", "parsed": 0}
    with catalog.writing() as connection:
        on(connection).execute(insert(blob), [{"digest": "a", **row}, {"digest": "b", **row}])
        on(connection).execute(insert(edge), [{"parent_id": 1, "child_id": 2}])
    catalog.close()
    return path


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as raw:
        return int(raw.execute("PRAGMA user_version").fetchone()[0])


def rows(path: Path) -> list[object]:
    with closing(sqlite3.connect(path)) as raw:
        return [
            *raw.execute("SELECT id, digest FROM blob ORDER BY id"),
            *raw.execute("SELECT parent_id, child_id FROM edge"),
        ]


def test_an_upgrade_keeps_the_rows_of_tables_that_refer_to_a_rebuilt_one(
    old: Path, next_version
) -> None:
    before = rows(old)
    next_version()
    Catalog.open(old).close()
    assert version(old) == SCHEMA_VERSION + 1
    assert rows(old) == before
    assert "extra" in objects(old)


def test_an_upgrade_leaves_a_copy_of_what_was(old: Path, next_version) -> None:
    before, tables = rows(old), objects(old)
    next_version()
    Catalog.open(old).close()
    copy = old.with_name("index.db.before-upgrade")
    assert rows(copy) == before
    assert objects(copy) == tables
    assert version(copy) == SCHEMA_VERSION
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_new_catalog_needs_no_copy(path: Path) -> None:
    Catalog.open(path).close()
    assert not path.with_name("index.db.before-upgrade").exists()


def test_an_upgrade_that_fails_changes_nothing(old: Path, next_version) -> None:
    before, tables = rows(old), objects(old)
    next_version("raise ArithmeticError")
    with pytest.raises(ArithmeticError):
        Catalog.open(old)
    assert (rows(old), objects(old), version(old)) == (before, tables, SCHEMA_VERSION)


def test_tables_that_cannot_be_made_leave_an_empty_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = compiled.tables("sqlite")
    wrong = (*made[:3], ("table", "x", "CREATE TABLE x (y"))
    monkeypatch.setattr(compiled, "tables", lambda _dialect: wrong)
    with pytest.raises(StorageFailed):
        Catalog.open(path)
    assert objects(path) == {}
    assert version(path) == 0


def test_an_upgrade_that_would_leave_rows_without_their_parent_is_undone(
    old: Path, next_version
) -> None:
    before = rows(old)
    next_version("op.execute(\"DELETE FROM blob WHERE digest = 'b'\")")
    with pytest.raises(CatalogMismatch, match="without their parent"):
        Catalog.open(old)
    assert rows(old) == before
    assert version(old) == SCHEMA_VERSION


KILLED = """
from pathlib import Path
from cachedb.catalog import revision, upgrade
from cachedb.catalog.connect import Catalog
revision.SCHEMA_VERSION += 1
upgrade.files = lambda _name: Path({package!r})
Catalog.open(Path({path!r}))
"""


def test_an_upgrade_that_is_killed_is_rolled_back_by_the_next_open(
    old: Path, tmp_path: Path, next_version, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, tables = rows(old), objects(old)
    with monkeypatch.context():
        next_version('import sys; print("held", flush=True); sys.stdin.readline()')
    script = KILLED.format(package=str(tmp_path / "package"), path=str(old))
    with child.holding(script) as other:
        assert old.with_name("index.db-journal").stat().st_size > 0
        other.kill()
    monkeypatch.undo()
    Catalog.open(old).close()
    assert (rows(old), objects(old), version(old)) == (before, tables, SCHEMA_VERSION)


def test_two_processes_that_open_an_old_catalog_upgrade_it_once(
    old: Path, next_version, monkeypatch: pytest.MonkeyPatch
) -> None:
    next_version()
    done: list[object] = []
    apply = upgrade.upgrade

    def slow(connection) -> None:
        done.append(connection)
        apply(connection)

    monkeypatch.setattr(upgrade, "upgrade", slow)
    seen = [False, True]  # stale before the lock, true under it: the other was faster
    monkeypatch.setattr(revision, "is_current", lambda _connection: seen.pop(0))
    Catalog.open(old).close()
    assert done == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE alembic_version SET version_num = 'ffffffffffff'",
        "DROP TABLE alembic_version",
        "INSERT INTO alembic_version VALUES ('aaaaaaaaaaaa')",
    ],
)
def test_a_history_that_is_not_ours_is_refused(old: Path, next_version, statement: str) -> None:
    with closing(sqlite3.connect(old)) as raw:
        raw.execute(statement)
        raw.commit()
    before = objects(old)
    next_version()
    with pytest.raises(CatalogMismatch):
        Catalog.open(old)
    assert objects(old) == before


def test_a_catalog_in_memory_has_the_same_tables(path: Path) -> None:
    Catalog.open(path).close()
    catalog = Catalog.in_memory()
    with catalog.reading() as connection:
        found = {name for (name,) in connection.run("SELECT name FROM sqlite_master")}
    catalog.close()
    assert found == set(objects(path))
