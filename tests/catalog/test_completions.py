"""Values for shell completion come from the catalog as it is."""

from pathlib import Path

from cachedb.cache import Cache
from cachedb.catalog import compiled, completion
from cachedb.catalog.statements.completion import VALUES, Values
from tests import build
from tests.conftest import APP


def test_every_column_that_completion_names_has_a_statement() -> None:
    for values, statement in VALUES.items():
        text = compiled.statements("sqlite")[statement.name]

        assert f"FROM {values.table} " in text
        assert values.column in text.partition("FROM")[0]


def test_values_are_found_by_their_beginning(populated: build.Tree) -> None:
    Cache.open(populated.path).close()
    catalog = populated.path / ".cachedb" / "index.db"

    def found(values: Values, prefix: str, key: str = "") -> list[str]:
        return completion.values_of(catalog, values, prefix, key)

    assert found(Values("ref", "name"), "example") == ["example.com/app:1"]
    assert found(Values("ref", "tag"), "") == ["1", "2"]
    assert found(Values("blob", "digest"), APP.digest[:20]) == [APP.digest]
    assert found(Values("platform", "architecture"), "a") == ["amd64", "arm64"]
    assert found(Values("label", "key"), "t") == ["team"]
    assert found(Values("label", "value", "key"), "", "team") == ["blue", "red"]
    assert found(Values("label", "value", "key"), "", "other") == []


def test_without_a_catalog_nothing_is_found(tmp_path: Path) -> None:
    names = Values("ref", "name")
    assert completion.values_of(tmp_path / "index.db", names, "") == []
    (tmp_path / "index.db").write_bytes(b"no database" * 100)
    assert completion.values_of(tmp_path / "index.db", names, "") == []
