"""The texts that ask for values are what the statements compile to."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, select
from sqlalchemy.dialects import sqlite

from cachedb.cache import Cache
from cachedb.catalog import completion
from cachedb.catalog.schema import metadata
from tests import build
from tests.conftest import APP


def values_between(column: Any, key: Any) -> Any:
    """Select the values of a column from `low` up to `high`, of one key where there is one."""
    found = (
        select(column)
        .distinct()
        .where(column >= bindparam("low"), column < bindparam("high"))
        .order_by(column)
        .limit(bindparam("most"))
        .offset(0)
    )
    return found if key is None else found.where(key == bindparam("key"))


@pytest.mark.parametrize("values", completion.KNOWN, ids=str)
def test_a_text_is_its_statement_compiled(values: completion.Values) -> None:
    columns = metadata.tables[values.table].c
    key = None if values.key is None else columns[values.key]
    statement = values_between(columns[values.column], key)
    compiled = statement.compile(dialect=sqlite.dialect(paramstyle="named"))
    assert " ".join(str(compiled).split()) == completion.text_for(values)


def test_values_are_found_by_their_beginning(populated: build.Tree) -> None:
    Cache.open(populated.path).close()
    catalog = populated.path / ".cachedb" / "index.db"

    def found(values: completion.Values, prefix: str, key: str = "") -> list[str]:
        return completion.values_of(catalog, values, prefix, key)

    assert found(completion.Values("ref", "name"), "example") == ["example.com/app:1"]
    assert found(completion.Values("ref", "tag"), "") == ["1", "2"]
    assert found(completion.Values("blob", "digest"), APP.digest[:20]) == [APP.digest]
    assert found(completion.Values("platform", "architecture"), "a") == ["amd64", "arm64"]
    assert found(completion.Values("label", "key"), "t") == ["team"]
    assert found(completion.Values("label", "value", "key"), "", "team") == ["blue", "red"]
    assert found(completion.Values("label", "value", "key"), "", "other") == []


def test_without_a_catalog_nothing_is_found(tmp_path: Path) -> None:
    names = completion.Values("ref", "name")
    assert completion.values_of(tmp_path / "index.db", names, "") == []
    (tmp_path / "index.db").write_bytes(b"no database" * 100)
    assert completion.values_of(tmp_path / "index.db", names, "") == []
