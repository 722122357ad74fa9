"""The order of test files in a parallel run."""

from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests import order

FILES = ["a.py", "b.py", "c.py", *order.LONG[:3]]


def test_every_long_file_exists_and_stands_once() -> None:
    assert [path for path in order.LONG if not (order.ROOT / path).is_file()] == []
    assert len(set(order.LONG)) == len(order.LONG)


def items(files: list[str]) -> list[Any]:
    return [SimpleNamespace(path=order.ROOT / file, at=at) for at, file in enumerate(files)]


@given(st.lists(st.sampled_from(FILES)))
def test_sorting_keeps_files_together_and_the_order_within(files: list[str]) -> None:
    found = items(files)
    order.longest_first(found)

    assert sorted(item.at for item in found) == list(range(len(files)))
    paths = [item.path for item in found]
    assert len(list(groupby(paths))) == len(set(paths))
    for path in set(paths):
        places = [item.at for item in found if item.path == path]
        assert places == sorted(places)


def test_long_files_come_first_and_then_those_of_many_tests() -> None:
    found = items(["one.py", "two.py", "two.py", order.LONG[1], order.LONG[0]])
    order.longest_first(found)

    names = list(dict.fromkeys(item.path for item in found))
    expected = [order.LONG[0], order.LONG[1], "two.py", "one.py"]
    assert names == [Path(order.ROOT / file) for file in expected]
