"""Reading parts of a JSON document agrees with reading all of it."""

import io
import json
import math
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cachedb import limits
from cachedb.errors import InvalidManifest, LimitExceeded
from cachedb.packages import json_stream, json_text
from cachedb.packages.json_stream import Found, Take

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
)
_VALUES = st.recursive(
    _SCALARS,
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=4), children, max_size=4)
    ),
    max_leaves=12,
)
_KEYS = st.sampled_from(["a", "b", "list", "below", "é", 'quote"\\'])
_DOCUMENTS = st.dictionaries(
    _KEYS, _VALUES | st.lists(_VALUES, max_size=4) | st.dictionaries(_KEYS, _VALUES, max_size=3)
)
_LAYOUTS = st.sampled_from(
    [{}, {"indent": 1}, {"ensure_ascii": False}, {"separators": (",", ":")}]
)
_WANTED: json_stream.Wanted = {
    "a": Take.VALUE,
    "list": Take.ELEMENTS,
    "below": {"b": Take.VALUE, "list": Take.ELEMENTS},
}


class Trickle(io.RawIOBase):
    """A stream that never gives more than a few bytes at once, as a socket may."""

    def __init__(self, content: bytes, most: int) -> None:
        self._content = io.BytesIO(content)
        self._most = most

    def read(self, size: int = -1) -> bytes:
        return self._content.read(min(size, self._most))


def read(content: bytes, *, piece: int = json_stream.PIECE, most: int = 1 << 20) -> list[Found]:
    return list(json_stream.read(Trickle(content, most), _WANTED, piece=piece))


def expected(
    document: dict, wanted: json_stream.Wanted, keys: tuple[str, ...] = ()
) -> list[Found]:
    """What the reader is to find, by way of the decoded document."""
    found: list[Found] = []
    for key, value in document.items():
        take, below = wanted.get(key), (*keys, key)
        if take is None or value is None:
            continue
        if take is Take.VALUE:
            found.append(Found(keys=below, position=None, value=value))
        elif take is Take.ELEMENTS:
            assert isinstance(value, list)
            found.extend(Found(keys=below, position=i, value=v) for i, v in enumerate(value))
        else:
            assert isinstance(value, dict)
            found.extend(expected(value, take, below))
    return found


def has_kinds(document: dict) -> bool:
    """Whether the values that are to be arrays and objects are some."""
    below = document.get("below", {})
    return (
        isinstance(document.get("list", []), list | None)
        and isinstance(below, dict | None)
        and isinstance((below or {}).get("list", []), list | None)
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a loaded machine
@given(document=_DOCUMENTS, layout=_LAYOUTS, piece=st.integers(1, 40), most=st.integers(1, 9))
@example(document={"b": "x" * 100, "list": ["[", "{", '"', "\\", "]"]}, layout={}, piece=3, most=1)
@example(document={"b": [[["]" * 40]], {"": "}"}]}, layout={"indent": 1}, piece=7, most=3)
def test_what_is_found_does_not_depend_on_how_the_bytes_come(document, layout, piece, most):
    content = json.dumps(document, **layout).encode()

    if has_kinds(document):
        assert read(content, piece=piece, most=most) == expected(document, _WANTED)
    else:
        with pytest.raises(InvalidManifest, match=r"expected (array|object), found"):
            read(content, piece=piece, most=most)


class Slip:
    """A number that is not to be read."""


class Twice(dict):
    """An object that holds a key twice."""


def is_clean(value: object) -> bool:
    if isinstance(value, dict):
        return not isinstance(value, Twice) and all(map(is_clean, value.values()))
    return all(map(is_clean, value)) if isinstance(value, list) else not isinstance(value, Slip)


def oracle(content: bytes) -> dict[str, object]:
    """Decode with the decoder of the standard library, and mark what breaks a rule."""

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(items)
        return found if len(found) == len(items) else Twice(items)

    def number(text: str) -> object:
        value = float(text)
        return value if math.isfinite(value) else Slip()

    def integer(text: str) -> object:
        value = int(text)
        return value if -(2**63) <= value < 2**63 else Slip()

    value = json.loads(
        content.decode(),
        object_pairs_hook=pairs,
        parse_float=number,
        parse_int=integer,
        parse_constant=lambda _: Slip(),
    )
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - one error stands for all of them
    return value


def refuse_slips(document: dict[str, object]) -> None:
    """Raise ValueError for what costs the document, and mark elements that cost themselves."""
    below = document.get("below") or {}
    if any(isinstance(level, Twice) for level in (document, below)):
        raise ValueError
    if not (is_clean(document.get("a")) and is_clean(below.get("b"))):  # type: ignore[union-attr]
        raise ValueError


def without_slips(found: list[Found]) -> list[tuple[str, object]]:
    return [
        (one.path, "slip" if one.problem or not is_clean(one.value) else one.value)
        for one in found
    ]


@given(
    document=_DOCUMENTS.filter(has_kinds),
    layout=_LAYOUTS,
    at=st.integers(0, 400),
    length=st.integers(0, 3),
    put=st.sampled_from(
        ["", ",", "]", "}", "[", "{", '"', ":", "\\", "\\ud800", " ", "NaN", "0", "-", "é", "\x01"]
    ),
    piece=st.integers(1, 40),
)
def test_a_damaged_document_is_refused_exactly_when_the_standard_decoder_refuses_it(
    document, layout, at, length, put, piece
):
    text = json.dumps(document, **layout)
    at %= len(text) + 1
    content = (text[:at] + put + text[at + length :]).encode()

    try:
        value = oracle(content)
        if not has_kinds(value):
            return
        refuse_slips(value)
    except (ValueError, RecursionError):
        with pytest.raises(InvalidManifest):
            read(content, piece=piece)
    else:
        found = read(content, piece=piece)
        assert without_slips(found) == without_slips(expected(value, _WANTED))


@pytest.mark.parametrize("piece", [1, 5, json_stream.PIECE])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "expected an object at character 0", id="empty"),
        pytest.param(b"[]", "expected an object", id="array"),
        pytest.param(b"\xef\xbb\xbf[]", "expected an object", id="byte-order-mark"),
        pytest.param(b" \xef\xbb\xbf{}", "expected an object", id="mark-behind-the-start"),
        pytest.param(b"{} {}", "expected the end of the document at character 3", id="two"),
        pytest.param(b'{"b":"\xff"}', "not UTF-8 at byte 6", id="not-utf8"),
        pytest.param(b'{"b":"\xc3', "not UTF-8 at byte 6", id="utf8-cut-short"),
        pytest.param(b'{"b":"\xed\xa0\x80"}', "not UTF-8 at byte 6", id="utf8-surrogate"),
        pytest.param(b'{"b":"abc', "ends inside a value", id="cut-in-string"),
        pytest.param(b'{"b":[1,', "(ends inside|expected) a value", id="cut-in-array"),
        pytest.param(b'{"b":', "expected a value", id="cut-before-value"),
        pytest.param(b'{"b"', "expected a colon", id="cut-before-colon"),
        pytest.param(b'{"b":1', "expected a comma or }", id="cut-before-brace"),
        pytest.param(b'{"b":1,}', "expected a key", id="comma-at-the-end"),
        pytest.param(b"{1:1}", "expected a key", id="number-as-key"),
        pytest.param(
            b'{"list":[1,]}', r"list\[1\]: not JSON: expecting value", id="comma-in-list"
        ),
        pytest.param(b'{"list":[1 2]}', "expected a comma or ]", id="no-comma"),
        pytest.param(b'{"a":NaN}', "a: NaN is not JSON", id="nan"),
        pytest.param(b'{"a":-Infinity}', "-Infinity is not JSON", id="infinity"),
        pytest.param(b'{"a":1e999}', "'1e999' is out of range", id="float"),
        pytest.param(b'{"a":9223372036854775808}', "is out of range", id="integer"),
        pytest.param(b'{"b":1,"b":2}', "the key 'b' occurs twice", id="twice-at-the-top"),
        pytest.param(
            b'{"below":{"b":{"x":1,"x":2}}}', "below.b: the key 'x' occurs twice", id="twice-below"
        ),
        pytest.param(b'{"b":"a\nb"}', "invalid control character", id="control-character"),
        pytest.param(b'{"b":[1}}', "not JSON", id="brackets-crossed"),
        pytest.param(b'{"list":{}}', "list: expected array, found object", id="no-array"),
        pytest.param(b'{"below":[]}', "below: expected object, found array", id="no-object"),
        pytest.param(b'{"below":true}', "below: expected object, found boolean", id="boolean"),
        pytest.param(
            b'{"below":{"list":-1}}', "below.list: expected array, found number", id="-1"
        ),
        pytest.param(b'{"b":' + b"[" * 100_000, "nested too deeply", id="deep-array"),
        pytest.param(b'{"list":[' + b'{"x":' * 100_000, "nested too deeply", id="deep-object"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(content, message, piece):
    with pytest.raises(InvalidManifest, match=message):
        read(content, piece=piece)


@pytest.mark.parametrize("piece", [1, 5, json_stream.PIECE])
@pytest.mark.parametrize(
    ("element", "problem"),
    [
        pytest.param(b'{"x":1,"y":2,"x":3}', "the key 'x' occurs twice", id="key-twice"),
        pytest.param(b'{"x":{"y":[NaN]}}', "NaN is not JSON", id="nan"),
        pytest.param(b'{"x":1e999}', "the number '1e999' is out of range", id="float"),
        pytest.param(b"-9223372036854775809", "the integer -9223372036854775809 is out", id="int"),
    ],
)
def test_an_element_that_breaks_a_rule_costs_itself(element, problem, piece):
    found = read(b'{"below":{"list":[0,' + element + b',{"x":1}]}}', piece=piece)

    assert [one.value for one in found] == [0, None, {"x": 1}]
    assert [one.path for one in found][1] == "below.list[1]"
    assert found[1].problem.startswith(problem)
    assert found[0].problem is found[2].problem is None


@pytest.mark.parametrize("piece", [1, 10, json_stream.PIECE])
def test_an_element_that_is_too_long_costs_itself(piece, monkeypatch):
    limit(monkeypatch, "SBOM_VALUE_CHARACTERS", 100)
    content = json.dumps({"list": [1, ["x" * 50, "y" * 50], 2]}).encode()

    found = read(content, piece=piece)

    assert [one.value for one in found] == [1, None, 2]
    assert "limit of 100" in found[1].problem


@pytest.mark.parametrize("piece", [1, 5, json_stream.PIECE])
@pytest.mark.parametrize(
    "value",
    [b'{"c":1,"c":2}', b"NaN", b"[1e999]", b"9223372036854775808", b'"\\ud800"', b'{"\\udc00":1}'],
)
def test_what_is_not_wanted_may_break_rules_of_values(value, piece):
    assert read(b'{"b":' + value + b',"a":1}', piece=piece) == [Found(("a",), None, 1)]


@pytest.mark.parametrize("piece", [1, 2, 3, json_stream.PIECE])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_skipped_and_says_the_encoding(encoding, piece):
    document = {"a": "é\U0001f600", "list": [1]}
    content = json.dumps(document, ensure_ascii=False).encode(encoding)

    assert read(content, piece=piece) == expected(document, _WANTED)


def test_a_lone_surrogate_of_utf16_is_refused_with_its_byte():
    with pytest.raises(InvalidManifest, match="not UTF-16-LE at byte 6"):
        read(b"\xff\xfe" + b'{\0"\0' + b"\x00\xd8" + b'"\0')


def test_an_embedded_document_is_read_from_an_object_and_from_a_text():
    inner = {"list": [1, {"x": "é"}], "a": 2}
    wanted = {"data": json_stream.Embedded({"list": Take.ELEMENTS})}

    for data in inner, json.dumps(inner), "\ufeff" + json.dumps(inner):
        found = list(json_stream.read(io.BytesIO(json.dumps({"data": data}).encode()), wanted))
        assert [(one.path, one.value) for one in found] == [
            ("data.list[0]", 1),
            ("data.list[1]", {"x": "é"}),
        ]
    (found,) = json_stream.read(io.BytesIO(b'{"data":"SPDXVersion: SPDX-2.3"}'), wanted)
    assert (found.path, found.value) == ("data", "SPDXVersion: SPDX-2.3")
    with pytest.raises(InvalidManifest, match="data: not JSON: expected a key"):
        list(json_stream.read(io.BytesIO(b'{"data":"{1"}'), wanted))


@pytest.mark.parametrize("piece", [1, 7, json_stream.PIECE])
@pytest.mark.parametrize("key", ["list", "not-wanted"])
def test_nesting_is_counted_from_the_top_of_the_document(key, piece):
    most = limits.JSON_DEPTH.value - 2  # the object, its array, and in that the arrays
    most_nested, too_nested = (
        json.dumps({key: [0, 1]}).encode().replace(b"1", b"[" * depth + b"]" * depth)
        for depth in (most, most + 1)
    )

    read(most_nested, piece=piece)
    with pytest.raises(InvalidManifest, match="nested too deeply"):
        read(too_nested, piece=piece)


def test_long_values_inside_each_other_are_not_looked_at_over_and_over(monkeypatch):
    block = b"[" * 55 + b"[]," * 22_000 + b"[]" + b"]" * 55
    content = b'{"not-wanted":[' + b",".join([block] * 4) + b"]}"
    looked_at = 0

    def items_length(text: json_text.Text, most: int, depth: int) -> int:
        nonlocal looked_at
        looked_at += most
        return original(text, most, depth)

    original = json_text.Text.items_length
    monkeypatch.setattr(json_text.Text, "items_length", items_length)
    assert read(content) == []

    assert len(content) <= looked_at < 4 * len(content)


def limit(monkeypatch: pytest.MonkeyPatch, name: str, value: int) -> None:
    old = getattr(limits, name)
    new = limits.Limit(name=old.name, variable=old.variable, value=value)
    for module in (json_stream, json_text):
        monkeypatch.setattr(module, name, new, raising=False)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("SBOM_BYTES", b'{"b":[' + b"1," * 500 + b"1]}", id="document"),
        pytest.param("SBOM_VALUE_CHARACTERS", b'{"a":"' + b"x" * 101 + b'"}', id="string"),
        pytest.param("SBOM_VALUE_CHARACTERS", b'{"a":[' + b"1," * 60 + b"1]}", id="array"),
        pytest.param("SBOM_VALUE_CHARACTERS", b'{"a":1' + b"0" * 100 + b"}", id="number"),
        pytest.param("SBOM_VALUE_CHARACTERS", b'{"b":"' + b"x" * 101 + b'"}', id="not-wanted"),
        pytest.param("SBOM_VALUE_CHARACTERS", b'{"' + b"x" * 101 + b'":1}', id="key"),
        pytest.param("JSON_KEYS", json.dumps({str(i): 1 for i in range(101)}).encode(), id="keys"),
    ],
)
def test_what_is_too_much_names_the_limit(name, content, monkeypatch):
    limit(monkeypatch, name, 100)

    with pytest.raises(LimitExceeded, match="limit of 100"):
        read(content, piece=10)


def test_a_long_value_that_is_not_wanted_is_dropped_in_parts(monkeypatch):
    limit(monkeypatch, "SBOM_VALUE_CHARACTERS", 100)
    document = {"b": [{"c": list(range(200))}] * 3, "a": 1}

    assert read(json.dumps(document).encode(), piece=10) == expected(document, _WANTED)


class Made(io.RawIOBase):
    """A document that is made while it is read, and counts what it gave."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = b""
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        self._rest = self._rest or next(self._parts, b"")
        part, self._rest = self._rest[:size], self._rest[size:]
        self.given += len(part)
        return part


def long_document(count: int) -> Iterator[bytes]:
    """A document as scanners write it: mostly files, then packages."""
    file = json.dumps({"fileName": "./usr/share/doc/curl/README", "checksums": ["ab" * 32] * 2})
    package = json.dumps({"name": "curl", "versionInfo": "7.88.1-10", "x": {"y": [1, 2, 3]}})
    yield b'{"files":[0'
    yield from [f",{file}".encode()] * count
    yield b'],"list":[0'
    yield from [f",{package}".encode()] * count
    yield b"]}"


def test_a_long_document_is_never_held():
    count = 10_000
    stream = Made(long_document(count))
    tracemalloc.start()
    try:
        found = sum(1 for _ in json_stream.read(stream, _WANTED))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert found == count + 1
    assert stream.given > 2_000_000
    assert peak < stream.given / 2


def test_elements_come_before_the_document_has_been_read():
    stream = Made(long_document(10_000))

    found = json_stream.read(stream, {"files": Take.ELEMENTS})

    assert next(found).value == 0
    assert stream.given <= json_stream.PIECE
