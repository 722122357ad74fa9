"""Ranges of versions in files of skopeo sync, held against the library that skopeo uses."""

from pathlib import Path

import pytest

from cachedb.errors import InvalidInput
from cachedb.operations.mirror.version_ranges import in_range

_ROWS = Path(__file__).parents[1] / "data" / "version_ranges.tsv"


def answer(text: str, version: str) -> str:
    try:
        return "yes" if in_range(text)(version) else "no"
    except InvalidInput:
        return "refused"


def test_a_range_matches_the_versions_that_the_library_of_skopeo_matches() -> None:
    lines = [line for line in _ROWS.read_text().splitlines() if not line.startswith("#")]
    rows = [line.split("\t") for line in lines[1:]]

    assert [row for row in rows if answer(row[0], row[1]) != row[2]] == []
    assert {row[2] for row in rows} == {"yes", "no", "refused"}
    assert len(rows) == 629


def test_an_empty_range_matches_every_release() -> None:
    is_in = in_range("")
    assert [tag for tag in ("1", "v2.3.4", "1.0.0-rc1", "latest") if is_in(tag)] == ["1", "v2.3.4"]


@pytest.mark.parametrize("tag", ["latest", "1.2.3.4", "1.2.3-01", "1.2.x", "release-1.2", ""])
def test_a_tag_that_is_no_version_matches_no_range(tag: str) -> None:
    assert not in_range("*-0")(tag)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("^1 || ", "'' is no constraint"),
        (">= 1.2, nightly", "'nightly' is no constraint"),
        ("1.2.3.4", "'1.2.3.4' is no constraint"),
        ("1.2.3-01", "'1.2.3-01' is no constraint"),
    ],
)
def test_a_malformed_range_is_refused_with_its_place(text: str, why: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        in_range(text)
    assert why in str(refused.value)
    assert refused.value.hint == "write '>= 1.2, < 3.0'"
