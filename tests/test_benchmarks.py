"""Benchmarks print tables of Markdown, which are written as JSON too."""

from importlib.util import find_spec

import pytest

from benchmarks.__main__ import BENCHMARKS, Benchmark, tables

PRINTED = """\
a line

### first

| work | wall s |
|---|---:|
| pull | 0.3 |
| push | 0.4 |

| work | ratio |
| --- | ---: |
| `ls` | 0.45 |
an end
"""


def test_every_table_of_a_page_has_its_title_and_its_rows_by_column() -> None:
    assert list(tables(PRINTED)) == [
        {
            "title": "first",
            "rows": [{"work": "pull", "wall s": "0.3"}, {"work": "push", "wall s": "0.4"}],
        },
        {"title": "first", "rows": [{"work": "`ls`", "ratio": "0.45"}]},
    ]


def test_a_page_may_end_with_a_table() -> None:
    assert list(tables("| a |\n|---|\n| 1 |")) == [{"title": "", "rows": [{"a": "1"}]}]


@pytest.mark.parametrize("one", BENCHMARKS, ids=lambda one: one.name)
def test_a_benchmark_of_the_run_is_a_module(one: Benchmark) -> None:
    assert find_spec(f"benchmarks.{one.name}") is not None
