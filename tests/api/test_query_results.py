"""Query results as Python values, columns, Arrow tables and HTML."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from cachedb import Cache, Digest, QueryResult
from cachedb.query.results import OutputColumn
from tests import build


@pytest.fixture
def cache(populated: build.Tree) -> Iterator[Cache]:
    with Cache.open(populated.path) as opened:
        yield opened


def test_a_result_is_a_sequence_of_rows(cache: Cache) -> None:
    result = cache.query("refs sort name show name,digest,size")
    assert isinstance(result, QueryResult)
    assert len(result) == 2
    assert [row.name for row in result] == [result[0].name, result[1].name]
    assert isinstance(result[0].digest, Digest)
    assert repr(result) == "<QueryResult: 2 rows of name, digest, size>"


def test_dictionaries_have_the_names_of_the_columns(cache: Cache) -> None:
    (first, _) = cache.query("refs sort name show name,added").to_dicts()
    assert first.keys() == {"name", "added"}
    assert isinstance(first["added"], datetime)


def test_columns_are_plain_values(cache: Cache) -> None:
    found = cache.query("refs sort name show name,digest,size,added").to_columns()
    assert [type(values[0]) for values in found.values()] == [str, str, int, datetime]


def test_a_result_without_rows_has_its_columns(cache: Cache) -> None:
    result = cache.query("refs size gt 1T show name,size")
    assert result.to_columns() == {"name": [], "size": []}
    assert result.to_dicts() == []
    assert not result


def test_the_html_of_a_result_escapes_and_counts() -> None:
    heads = (OutputColumn(name="a<b", kind="text"), OutputColumn(name="size", kind="size"))
    rows = tuple((f"<script>{number}", None) for number in range(60))
    shown = QueryResult(columns=heads, rows=rows)._repr_html_()
    assert "<script>" not in shown
    assert "<th>a&lt;b</th>" in shown
    assert "<td>&lt;script&gt;0</td><td></td>" in shown
    assert shown.count("<tr>") == 51
    assert shown.endswith("<p>… and 10 more rows</p>")


def test_pandas_takes_columns(cache: Cache) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: pip install pandas")
    frame = pandas.DataFrame(cache.query("refs show name,digest,size,added").to_columns())
    assert frame["size"].sum() > 0
    assert str(frame["added"].dt.tz) == "UTC"


def test_arrow_has_a_type_for_each_column(cache: Cache) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install pyarrow")
    table = cache.query("refs show name,digest,size,added").to_arrow()
    assert table.num_rows == 2
    assert [str(each) for each in table.schema.types] == [
        "string", "string", "int64", "timestamp[us, tz=UTC]",
    ]  # fmt: skip
    empty = cache.query("refs size gt 1T show name,size,added").to_arrow()
    assert empty.schema.field("added").type == pa.timestamp("us", tz="UTC")
    assert table["added"][0].as_py().tzinfo is not None
    assert datetime(2020, 1, 1, tzinfo=UTC) < table["added"][0].as_py()
