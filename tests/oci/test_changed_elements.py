"""Elements of an index that differ are found as a whole parse of both texts finds them."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cachedb.errors import InvalidManifest
from cachedb.layout.index_json import IndexJson
from cachedb.oci.changed_elements import changed_elements, places_of
from tests import build

IMAGES = [build.image(build.layer({"n": f"{number}"})).descriptor() for number in range(4)]
# Texts that look like the ends of entries and lists, and entries that cannot be read.
entries = st.one_of(
    st.sampled_from(IMAGES),
    st.sampled_from(IMAGES).flatmap(
        lambda one: st.sampled_from(['"},{"', "]}", "\\", 'x"],"y":["', "é\u2028"]).map(
            lambda text: {**one, "annotations": {build.REF_NAME: text}, "list": [[], [{}]]}
        )
    ),
    st.sampled_from([None, 7, "},{", [], {}, {"size": 10**30}]),
)
PARTS = [
    "", ",", "{}", "]", '],"a":[', '],"manifests":[', "[", "}", '{"a":1,"a":2}', " ", ",{},", '"',
    ',"manifests":[', ".5", "null", "]}", '{"b":NaN}', ",[[[[{}]]]]",
]  # fmt: skip
heads = st.sampled_from([{}, {"annotations": {"manifests": '"manifests":['}}, {"x": [[1, {}]]}])
styles = st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}])


@st.composite
def documents(draw: st.DrawFn) -> str:
    before, behind = draw(heads), draw(st.sampled_from([{}, {"tail": "]}"}]))
    document = {"schemaVersion": 2, **before, "manifests": draw(st.lists(entries, max_size=6))}
    return json.dumps(document | behind, **draw(styles))


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, str]:
    """A document, and one with the same style of which some entries have been replaced."""
    document = {"schemaVersion": 2, **draw(heads), "manifests": draw(st.lists(entries))}
    style = draw(styles)
    before = json.dumps(document, **style)
    listed = document["manifests"]
    first = draw(st.integers(0, len(listed)))
    last = draw(st.integers(first, len(listed)))
    listed[first:last] = draw(st.lists(entries, max_size=3))
    return before, json.dumps(document, **style)


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, str]:
    """A document, and a text of which a part has been replaced without regard to its meaning."""
    before = draw(documents())
    part = draw(st.sampled_from(PARTS))
    first = draw(st.sampled_from(places_of(before)) | st.integers(0, len(before)))
    last = draw(st.just(first) | st.sampled_from([*places_of(before), first]))
    return before, before[:first] + part + before[max(first, last) :]


def check(before: str, after: str) -> None:
    old = IndexJson.parse(before.encode())
    try:
        found = changed_elements(before, places_of(before), after)
    except InvalidManifest:
        with pytest.raises(InvalidManifest):
            IndexJson.parse(after.encode())
        return
    if found is None:
        return
    new = IndexJson.parse(after.encode())  # whatever is found is in a valid document
    assert new.rest == old.rest
    expected = [entry.json for entry in old.entries]
    expected[found.first : found.first + found.removed] = found.elements
    assert [json.dumps(e.json) for e in new.entries] == [json.dumps(each) for each in expected]
    assert found.places == places_of(after)


@given(change=changes())
def test_changed_elements_are_those_of_a_whole_parse(change: tuple[str, str]) -> None:
    check(*change)


@given(edit=edits())
@example(edit=('{"schemaVersion":2,"manifests":[{}]}', '{"schemaVersion":2,"manifests":[{}.5]}'))
@example(
    edit=(
        '{"schemaVersion":2,"manifests":[{},{}]}',
        '{"schemaVersion":2,"manifests":[{}],"a":[{}]}',
    )
)
def test_a_text_that_is_no_valid_document_is_never_taken_for_one(edit: tuple[str, str]) -> None:
    check(*edit)


@given(text=documents())
def test_places_are_those_behind_the_elements_of_the_list(text: str) -> None:
    listed: list[Any] = json.loads(text)["manifests"]
    start, *ends = places_of(text)
    assert text[:start].rstrip().endswith("[")
    assert len(ends) == len(listed)
    for begin, end, value in zip([start, *ends], ends, listed, strict=False):
        assert json.loads(text[begin:end].strip().removeprefix(",")) == value


def test_a_list_that_is_null_has_no_places() -> None:
    assert places_of('{"manifests": null, "schemaVersion": 2}') == []
    assert places_of('{"a": {}}') == []


@pytest.mark.parametrize(
    ("listed", "first", "removed", "added"),
    [
        pytest.param([*IMAGES, IMAGES[0]], 4, 0, 1, id="behind the last"),
        pytest.param(IMAGES[:3], 3, 1, 0, id="without the last"),
        pytest.param([*IMAGES[:1], *IMAGES[2:]], 1, 1, 0, id="without the second"),
        pytest.param([*IMAGES[:2], IMAGES[0], *IMAGES[2:]], 2, 0, 1, id="in the middle"),
        pytest.param(IMAGES, 4, 0, 0, id="none"),
    ],
)
def test_only_entries_that_differ_are_parsed(
    listed: list[build.Json], first: int, removed: int, added: int
) -> None:
    before, after = (json.dumps({"schemaVersion": 2, "manifests": e}) for e in (IMAGES, listed))
    found = changed_elements(before, places_of(before), after)
    assert found is not None
    assert (found.first, found.removed, len(found.elements)) == (first, removed, added)


def test_a_change_outside_of_the_entries_is_left_to_a_whole_parse() -> None:
    before = json.dumps({"schemaVersion": 2, "manifests": IMAGES, "annotations": {"a": "b"}})
    for after in (
        before.replace('"b"', '"c"'),
        before.replace("2", "1", 1),
        "",
        "\ufeff" + before,
    ):
        assert changed_elements(before, places_of(before), after) is None
