import json
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb.errors import InvalidManifest
from cachedb.layout import index_json
from cachedb.layout.index_json import Entry, IndexJson, ParsedIndex
from cachedb.limits import JSON_DEPTH
from tests import build

IMAGES = [build.image(build.layer({name: ""})) for name in "abc"]
_NESTED: object = []
for _ in range(JSON_DEPTH.value + 2):
    _NESTED = [_NESTED]

_ENTRIES = st.one_of(
    st.builds(
        lambda thing, name: thing.descriptor(annotations={build.REF_NAME: name}),
        st.sampled_from(IMAGES),
        st.text("ab,:]}\n\u2028é", min_size=1, max_size=6),
    ),
    st.sampled_from([{"size": -1}, 7, None, {"x": 2**200}, {"x": [1, {"y": ["{[", 2]}]}]),
)
_RESTS = st.sampled_from([
    {"schemaVersion": 2}, {"schemaVersion": 2, "annotations": {"k": ",\n"}},
])  # fmt: skip


def one_a_line(entries: list[object], rest: dict[str, object]) -> bytes:
    read = [Entry.read(each, "manifests") for each in entries]
    return IndexJson(entries=tuple(read), rest=rest).encode()


def pretty(entries: list[object], rest: dict[str, object]) -> bytes:
    return json.dumps({**rest, "manifests": entries}, indent=1).encode()


def broken(entries: list[object], rest: dict[str, object]) -> bytes:
    """Write a document of which the first object is written over several lines."""
    return one_a_line(entries, rest).replace(b',"', b',\n"', 3)


_DOCUMENTS = st.builds(
    lambda write, entries, rest: write(entries, rest),
    st.sampled_from([one_a_line, one_a_line, pretty, broken]),
    st.lists(_ENTRIES, max_size=6),
    _RESTS,
)


@given(st.lists(_DOCUMENTS, min_size=2, max_size=4))
def test_a_document_is_the_same_whatever_was_parsed_before_it(documents: list[bytes]) -> None:
    parsed = ParsedIndex.of(documents[0])
    for content in documents[1:]:
        parsed = parsed.parse(content)
        assert parsed.content == content
        assert parsed.index == IndexJson.parse(content)


@pytest.mark.parametrize(
    "line",
    [b'{"a":1},\n', b'{"a":1}]', b"", b'{"a":1,"a":2}', b"{} {}", json.dumps(_NESTED).encode(),
     b'{"a":NaN}', b"\xff", b'{"a":"', b"],\n["],
)  # fmt: skip
def test_a_line_that_breaks_the_document_is_refused_as_in_a_first_parse(line: bytes) -> None:
    before = one_a_line([IMAGES[0].descriptor(), IMAGES[1].descriptor()], {"schemaVersion": 2})
    content = before.replace(b"\n]}\n", b",\n" + line + b"\n]}\n")
    with pytest.raises(InvalidManifest) as first:
        IndexJson.parse(content)
    with pytest.raises(InvalidManifest) as second:
        ParsedIndex.of(before).parse(content)
    assert str(first.value) == str(second.value)


def test_only_lines_that_are_new_are_parsed() -> None:
    entries = [build.image(env=[f"n={n}"]).descriptor() for n in range(50)]
    rest: dict[str, object] = {"schemaVersion": 2}
    before = ParsedIndex.of(one_a_line(entries[:48], rest))
    with patch.object(
        index_json, "decode_with_large_integers", wraps=index_json.decode_with_large_integers
    ) as decode:
        after = before.parse(one_a_line([*entries[:5], *entries[6:]], rest))
    assert decode.call_count == 2
    assert len(after.index.entries) == 49
