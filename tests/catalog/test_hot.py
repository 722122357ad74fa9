"""The texts that were compiled ahead are what the statements compile to."""

from pathlib import Path

import pytest
from sqlalchemy.dialects import sqlite

from cachedb.cache import Cache
from cachedb.catalog import hot, statements
from cachedb.catalog.schema import metadata
from tests import build
from tests.conftest import APP


@pytest.mark.parametrize("field", hot.COLUMNS)
def test_a_text_is_its_statement_compiled(field: str) -> None:
    table, column = hot.COLUMNS[field]
    statement = statements.values_between(metadata.tables[table].c[column])
    compiled = statement.compile(dialect=sqlite.dialect(paramstyle="named"))
    assert " ".join(str(compiled).split()) == hot.text_for(field)


def test_values_are_found_by_their_beginning(populated: build.Tree) -> None:
    Cache.open(populated.path).close()
    catalog = populated.path / ".cachedb" / "index.db"

    assert hot.values_of(catalog, "name", "example") == ["example.com/app:1"]
    assert hot.values_of(catalog, "tag", "") == ["1", "2"]
    assert hot.values_of(catalog, "digest", APP.digest[:20]) == [APP.digest]
    assert hot.values_of(catalog, "arch", "a") == ["amd64", "arm64"]
    assert hot.values_of(catalog, "label", "t") == ["team"]


def test_without_a_catalog_nothing_is_found(tmp_path: Path) -> None:
    assert hot.values_of(tmp_path / "index.db", "name", "") == []
    (tmp_path / "index.db").write_bytes(b"no database" * 100)
    assert hot.values_of(tmp_path / "index.db", "name", "") == []
