"""The one JSON decoder: a document has one meaning, or it is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb.errors import InvalidManifest
from cachedb.limits import JSON_DEPTH
from cachedb.oci import strict_json
from cachedb.oci.strict_json import decode, decode_object, encode


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{} {}", id="two-documents"),
        pytest.param(b'{"a":1,"a":2}', id="key-twice"),
        pytest.param(b'{"layers":[],"Layers":[]}', id="key-in-another-case"),
        pytest.param(b'{"layer\\u017f":[],"layers":[]}', id="key-that-folds"),
        pytest.param(b'{"a":NaN}', id="nan"),
        pytest.param(b'{"a":-Infinity}', id="infinity"),
        pytest.param(b'{"a":1e400}', id="float-too-large"),
        pytest.param(b"9223372036854775808", id="integer-too-large"),
        pytest.param(b"9" * 5000, id="integer-far-too-large"),
        pytest.param(b'"\\ud800"', id="lone-surrogate"),
        pytest.param(b'{"\\ud800":1}', id="lone-surrogate-in-a-key"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', id="byte-order-mark"),
        pytest.param('{"a":1}'.encode("utf-16"), id="utf-16"),
        pytest.param('{"a":1}'.encode("utf-32"), id="utf-32"),
        pytest.param(b'"\xff"', id="not-utf-8"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="very-deep"),
        pytest.param(
            b"[" * (JSON_DEPTH.value + 1) + b"]" * (JSON_DEPTH.value + 1), id="just-too-deep"
        ),
        pytest.param(b'{"a":1}x', id="trailing"),
    ],
)
def test_an_ambiguous_document_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidManifest) as caught:
        decode(content)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("content", "value"),
    [
        pytest.param(b"-9223372036854775808", -(2**63), id="smallest-integer"),
        pytest.param(b"9223372036854775807", 2**63 - 1, id="largest-integer"),
        pytest.param(b'{"Foo":1,"foo":2}', {"Foo": 1, "foo": 2}, id="labels-differ-in-case"),
        pytest.param(b'"\\ud83d\\ude00"', "\U0001f600", id="surrogate-pair"),
        pytest.param(b" [1.5, true, null] ", [1.5, True, None], id="space-around"),
    ],
)
def test_a_clear_document_is_read(content: bytes, value: Any) -> None:
    assert decode(content) == value


@pytest.mark.parametrize("content", [b"null", b"[]", b'"x"', b"1"])
def test_a_document_has_to_be_an_object(content: bytes) -> None:
    with pytest.raises(InvalidManifest, match="expected a JSON object"):
        decode_object(content)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_what_was_encoded_decodes_to_the_same(value: Any) -> None:
    assert decode(encode(value)) == value
    assert decode(encode(value, indent=3)) == value


@given(st.binary(max_size=40) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_nothing_but_our_error_gets_out(content: bytes) -> None:
    try:
        decode(content)
    except InvalidManifest:
        return
    json.loads(content)


def test_the_bytes_are_those_that_go_writes() -> None:
    assert encode({"a": "<&>\u2028é"}) == b'{"a":"\\u003c\\u0026\\u003e\\u2028\xc3\xa9"}'


def test_no_two_usual_keys_differ_in_case_alone() -> None:
    assert len({key.casefold() for key in strict_json._USUAL_KEYS}) == len(strict_json._USUAL_KEYS)


@pytest.mark.parametrize("opening", ["{", "["])
@pytest.mark.parametrize("above", [0, 1])
def test_nesting_is_refused_from_one_level_above_the_limit(opening: str, above: int) -> None:
    depth = JSON_DEPTH.value + above
    closing = "}" if opening == "{" else "]"
    inner = '{"a":' if opening == "{" else "["
    document = (inner * (depth - 1) + opening + closing + closing * (depth - 1)).encode()
    if above:
        with pytest.raises(InvalidManifest, match="nested too deeply"):
            strict_json.decode(document)
    else:
        strict_json.decode(document)
