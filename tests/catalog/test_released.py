"""A catalog of every revision that was ever given out is brought up to date, with all its rows."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from cachedb.catalog.connect import Catalog
from cachedb.catalog.enums import SCHEMA_VERSION
from tests.catalog import released_catalogs

VERSIONS = Path(__file__).resolve().parents[2] / "migrations" / "versions"


def rows(path: Path) -> Counter[str]:
    """Count the rows of each table."""
    with closing(sqlite3.connect(path)) as database:
        tables = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        return Counter(
            {t: database.execute(f'SELECT count(*) FROM "{t}"').fetchone()[0] for (t,) in tables}
        )


def columns(path: Path) -> set[tuple[object, ...]]:
    """Return every table and index with its columns."""
    with closing(sqlite3.connect(path)) as database:
        names = database.execute("SELECT type, name FROM sqlite_master").fetchall()
        found: set[tuple[object, ...]] = set()
        for kind, name in names:
            info = database.execute(f'PRAGMA {kind}_info("{name}")').fetchall()
            found |= {(kind, name, *column[1:]) for column in info}
        return found


def hints(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT name, source, origin, added, pulled, used FROM ref ORDER BY name"
        return database.execute(query).fetchall()


def test_of_every_revision_a_catalog_is_stored() -> None:
    revisions = {path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*_*.py")}
    assert set(released_catalogs.stored()) == revisions != set()


@pytest.mark.parametrize("revision", released_catalogs.stored())
def test_a_stored_catalog_is_upgraded_and_keeps_its_rows(revision: str, tmp_path: Path) -> None:
    path, fresh = tmp_path / "index.db", tmp_path / "fresh.db"
    released_catalogs.restore(released_catalogs.stored()[revision], path)
    before, told = rows(path), hints(path)
    assert before["blob"] > 5

    Catalog.open(path).close()
    Catalog.open(fresh).close()

    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    assert columns(path) == columns(fresh)
    assert hints(path) == told
    assert all(told[0][1:])
    assert before - rows(path) == Counter()
