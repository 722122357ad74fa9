"""The file of a catalog in SQLite: its settings, its safety, and what others did to it."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.catalog import waiting_connection
from cachedb.catalog.connect import Catalog
from cachedb.catalog.enums import APPLICATION_ID, SCHEMA_VERSION
from cachedb.catalog.executor import Connection
from cachedb.errors import CacheBusy, CatalogMismatch, SchemaTooNew, StorageFailed
from cachedb.limits import LOCK_SECONDS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.db"


@pytest.fixture
def catalog(path: Path) -> Iterator[Catalog]:
    catalog = Catalog.open(path)
    yield catalog
    catalog.close()


def insert(connection: Connection, *numbers: int) -> None:
    connection.driver.executemany(
        "INSERT INTO blob (digest, size, kind, state, media_type, parsed)"
        " VALUES (?, 1, 0, 1, '', 0)",
        [(f"sha256:{number:064x}",) for number in numbers],
    )


def size(connection: Connection) -> int:
    ((found,),) = connection.driver.execute("SELECT count(*) FROM blob")
    return int(found)


def count(catalog: Catalog) -> int:
    with catalog.reading() as connection:
        return size(connection)


# -- settings -------------------------------------------------------------------------------------

PRAGMAS = {
    "busy_timeout": 0,
    "foreign_keys": 1,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "temp_store": 2,
    "cache_size": -8_000,
    "journal_mode": "truncate",
    "synchronous": 2,
    "application_id": APPLICATION_ID,
    "user_version": SCHEMA_VERSION,
}


@pytest.mark.parametrize(("name", "value"), PRAGMAS.items(), ids=PRAGMAS)
def test_every_connection_has_the_settings(catalog: Catalog, name: str, value: object) -> None:
    for transaction in (catalog.reading, catalog.writing):
        with transaction() as connection:
            assert connection.driver.execute(f"PRAGMA {name}").fetchone() == (value,)


def test_a_writer_waits_for_a_reader(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_connection, "LOCK_SECONDS", LOCK_SECONDS.replace(value=0))
    with catalog.reading() as reader:
        assert size(reader) == 0
        with pytest.raises(CacheBusy), catalog.writing() as connection:
            insert(connection, 1)
        assert size(reader) == 0
    assert count(catalog) == 0


def test_a_full_disk_fails_in_one_line_and_nothing_has_changed(catalog: Catalog) -> None:
    with pytest.raises(StorageFailed, match="full"), catalog.writing() as connection:  # noqa: PT012
        ((pages,),) = connection.driver.execute("PRAGMA page_count")
        connection.driver.execute(f"PRAGMA max_page_count = {pages}")
        insert(connection, *range(5000))
    assert count(catalog) == 0
    with catalog.writing() as connection:
        insert(connection, 1)


# -- the file -------------------------------------------------------------------------------------


def test_a_new_catalog_is_closed_to_others(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Catalog.open(tmp_path / "new.db").close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.db").stat().st_mode) == 0o600


def make_link(path: Path) -> None:
    Catalog.open(path.parent / "real.db").close()
    path.symlink_to("real.db")


def make_dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def make_writable_by_others(path: Path) -> None:
    Catalog.open(path).close()
    path.chmod(0o606)


def make_writable_by_the_group(path: Path) -> None:
    Catalog.open(path).close()
    path.chmod(0o660)


def make_text(path: Path) -> None:
    path.write_bytes(b"hello\n" * 100)
    path.chmod(0o600)


def make_another_database(path: Path) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE blob (digest TEXT)")
    raw.close()
    path.chmod(0o600)


@pytest.mark.parametrize("opening", [Catalog.open, Catalog.open_read_only])
@pytest.mark.parametrize(
    "make",
    [
        make_link,
        make_dangling,
        pytest.param(os.mkfifo, id="make_fifo"),
        pytest.param(os.mkdir, id="make_directory"),
        make_writable_by_others,
        make_writable_by_the_group,
        make_text,
        make_another_database,
    ],
)
def test_a_file_that_is_no_catalog_of_ours_is_refused(path: Path, make, opening) -> None:
    make(path)
    before = path.lstat()
    with pytest.raises(CatalogMismatch):
        opening(path)
    assert path.lstat().st_mtime_ns == before.st_mtime_ns
    assert not (path.parent / "nowhere").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(path: Path) -> None:
    path.parent.chmod(0o755)
    Catalog.open(path).close()
    os.chown(path, 1234, 1234)
    os.seteuid(65534)
    try:
        with pytest.raises((CatalogMismatch, StorageFailed)):
            Catalog.open_read_only(path)
    finally:
        os.seteuid(0)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="no such file or directory"):
        Catalog.open(tmp_path / "nowhere" / "index.db")


# -- reading only ---------------------------------------------------------------------------------


def test_opening_to_read_makes_nothing(path: Path) -> None:
    with pytest.raises(CatalogMismatch, match="there is no catalog"):
        Catalog.open_read_only(path)
    assert list(path.parent.iterdir()) == []


def test_opening_to_read_cannot_write(path: Path) -> None:
    Catalog.open(path).close()
    catalog = Catalog.open_read_only(path)
    assert count(catalog) == 0
    with pytest.raises(StorageFailed, match="readonly"), catalog.writing() as connection:
        insert(connection, 1)
    catalog.close()


def test_an_empty_file_is_no_catalog_to_read_and_a_new_one_to_write(path: Path) -> None:
    path.touch(mode=0o600)
    with pytest.raises(CatalogMismatch, match="older version"):
        Catalog.open_read_only(path)
    catalog = Catalog.open(path)
    assert count(catalog) == 0
    catalog.close()


def test_a_catalog_in_memory_goes_with_the_process() -> None:
    catalog = Catalog.in_memory()
    with catalog.writing() as connection:
        insert(connection, 1)
    assert count(catalog) == 1
    assert count(Catalog.in_memory()) == 0
    catalog.close()


# -- what others did to it ------------------------------------------------------------------------


def tamper(path: Path, *statements: str) -> None:
    raw = sqlite3.connect(path)
    for statement in statements:
        raw.execute(statement)
    raw.commit()
    raw.close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER evil AFTER INSERT ON blob BEGIN DELETE FROM blob; END",
        "CREATE VIEW evil AS SELECT 1",
        "CREATE TABLE evil (x)",
        "CREATE INDEX evil ON blob (size)",
        "DROP TABLE alembic_version",
        "DROP TABLE env",
        "PRAGMA application_id = 7",
    ],
)
def test_a_catalog_with_anything_else_in_it_is_refused(path: Path, statement: str) -> None:
    Catalog.open(path).close()
    tamper(path, statement)
    with pytest.raises(CatalogMismatch):
        Catalog.open(path)


def test_code_in_an_old_catalog_is_not_run_by_its_upgrade(path: Path) -> None:
    Catalog.open(path).close()
    tamper(
        path,
        "CREATE TRIGGER evil AFTER INSERT ON blob BEGIN DELETE FROM blob; END",
        "PRAGMA user_version = 0",
    )
    with pytest.raises(CatalogMismatch, match="trigger 'evil'"):
        Catalog.open(path)


def test_a_newer_catalog_is_refused_with_a_way_out(path: Path) -> None:
    Catalog.open(path).close()
    tamper(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    for opening in (Catalog.open, Catalog.open_read_only):
        with pytest.raises(SchemaTooNew) as caught:
            opening(path)
        assert str(SCHEMA_VERSION + 1) in str(caught.value)
        assert "delete .cachedb/index.db" in (caught.value.hint or "")
        assert caught.value.exit_code == 6


def test_a_catalog_that_is_taken_away_during_a_write_loses_no_write_silently(
    catalog: Catalog, path: Path
) -> None:
    with pytest.raises((CatalogMismatch, StorageFailed)), catalog.writing() as connection:  # noqa: PT012
        insert(connection, 1)
        path.unlink()


def test_the_index_of_files_is_written_without_a_lock_on_the_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_connection, "LOCK_SECONDS", LOCK_SECONDS.replace(value=0))
    catalog = Catalog.open(tmp_path / "index.db")
    writers = []
    with catalog.writing_files():
        with catalog.writing():
            writers.append("the catalog")
        with pytest.raises(CacheBusy), catalog.writing_files():
            writers.append("the index of files")
    assert writers == ["the catalog"]
