"""The texts that were compiled ahead are what the statements compile to."""

from pathlib import Path

import pytest
from sqlalchemy import Select
from sqlalchemy.dialects import sqlite

from cachedb.cache import Cache
from cachedb.catalog import hot, statements
from tests import build
from tests.conftest import APP


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        pytest.param(hot.NAMES, statements.names_between(), id="names"),
        pytest.param(hot.DIGESTS, statements.digests_between(), id="digests"),
    ],
)
def test_a_text_is_its_statement_compiled(text: str, statement: Select[str]) -> None:
    compiled = statement.compile(dialect=sqlite.dialect(paramstyle="named"))
    assert " ".join(str(compiled).split()) == text


def test_names_and_digests_are_found_by_their_beginning(populated: build.Tree) -> None:
    Cache.open(populated.path).close()
    catalog = populated.path / ".cachedb" / "index.db"

    assert hot.starting_with(catalog, hot.NAMES, "example") == ["example.com/app:1"]
    assert hot.starting_with(catalog, hot.NAMES, "") == [
        "docker.io/library/tool:2",
        "example.com/app:1",
    ]
    assert hot.starting_with(catalog, hot.DIGESTS, APP.digest[:20]) == [APP.digest]


def test_without_a_catalog_nothing_is_found(tmp_path: Path) -> None:
    assert hot.starting_with(tmp_path / "index.db", hot.NAMES, "") == []
    (tmp_path / "index.db").write_bytes(b"no database" * 100)
    assert hot.starting_with(tmp_path / "index.db", hot.NAMES, "") == []
