"""Tables that benchmarks print are also written as JSON."""

from benchmarks.__main__ import tables
from benchmarks.timing import Run, markdown


def test_a_table_of_commands_with_bars_is_read_back() -> None:
    one = Run(wall=2.0, cpu=1.0, memory=30.0)
    other = Run(wall=1.0, cpu=0.5, memory=40.0)

    text = markdown("content of a file", {"gzip -dc | tar xO": [one], "cachedb cat": [other]})

    (table,) = tables(f"\n{text}\n\n0.50 of the first\n")
    assert table["title"] == "content of a file"
    rows = table["rows"]
    assert isinstance(rows, list)
    assert [each["command"] for each in rows] == ["gzip -dc | tar xO", "cachedb cat"]
    assert [each["wall s, median"] for each in rows] == ["2.00", "1.00"]


def test_two_tables_keep_their_titles() -> None:
    text = "### first\n\n| a |\n|---|\n| 1 |\n\n### second\n\n| b | c |\n|---|---|\n| 2 | |\n"

    assert list(tables(text)) == [
        {"title": "first", "rows": [{"a": "1"}]},
        {"title": "second", "rows": [{"b": "2", "c": ""}]},
    ]
