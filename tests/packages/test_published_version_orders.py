"""Keys sort as the vectors say that packaging schemes publish (tests/data/versions)."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from cachedb.packages.versions import is_valid, key

_DATA = Path(__file__).parents[1] / "data" / "versions"


def _lines() -> list[object]:
    return [
        pytest.param(file.stem, line, id=f"{file.stem}-{number}")
        for file in sorted(_DATA.glob("*.txt"))
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if not line.startswith("#")
    ]


@pytest.mark.parametrize(("scheme", "line"), _lines())
def test_keys_sort_as_the_scheme_publishes(scheme: str, line: str) -> None:
    if line.startswith("! "):
        assert not is_valid(scheme, line[2:])
        return
    versions = re.split(r" [<=] ", line)
    signs = re.findall(r" ([<=]) ", line)
    assert len(signs) == len(versions) - 1 > 0
    for (one, other), sign in zip(pairwise(versions), signs, strict=True):
        assert is_valid(scheme, one), one
        first, second = key(scheme, one), key(scheme, other)
        assert (first == second) if sign == "=" else (first < second), (one, other)


def test_every_file_of_vectors_is_of_a_scheme_with_relations() -> None:
    files = {file.stem: file.read_text() for file in _DATA.glob("*.txt")}

    assert set(files) == {"alpm", "cocoapods", "gem", "golang", "maven", "nuget", "pub"}
    assert all(text.count("<") >= 8 for text in files.values())
