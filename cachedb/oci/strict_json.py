"""JSON decoder for documents of the image-spec: a document has one meaning, or it is refused.

Go, Python and JavaScript disagree on duplicate keys, on keys that differ only in case, on byte
order marks and on NaN. A document that two readers understand differently is how one image passes
a check and another one runs. `decode` refuses these; `decode_damaged` reads what is unambiguous of
a document that is in a layout already.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from cachedb.errors import InvalidManifest
from cachedb.limits import JSON_DEPTH
from cachedb.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_INT64 = 2**63
_NESTING = frozenset({dict, list})
_SURROGATE = lazy(r"\\u[dD][89a-fA-F]")


def decode(content: bytes) -> Any:
    """Decode one UTF-8 JSON document.

    Raises:
        InvalidManifest: The bytes are not UTF-8 or not JSON, hold a key twice, NaN, an infinity,
            a lone surrogate or an integer beyond 64 bits, nest deeper than the limit, or a field
            of the spec is there in two spellings that differ only in case. Keys of labels and
            annotations may differ in case alone.
    """
    text = _text(content)
    value = _loaded(text, _DECODER)
    _check_spellings(value)
    if _SURROGATE.search(text):  # in UTF-8, only an escape can make one
        _check_texts(value)
    return value


def decode_damaged(content: bytes) -> Any:
    """Decode a document that breaks rules, unless its meaning is ambiguous.

    An integer beyond 64 bits becomes a float, NaN becomes None, a lone surrogate U+FFFD, and of a
    label that occurs twice the last counts, as in Go. Only for documents that are in a layout:
    pull and import do not use the result.

    Raises:
        InvalidManifest: The bytes are not UTF-8 or not JSON, nest deeper than the limit, or a
            field of the spec occurs twice or in two spellings.
    """
    text = _text(content)
    value = _loaded(text, _DAMAGED_DECODER)
    _check_spellings(value)
    return _without_surrogates(value) if _SURROGATE.search(text) else value


def decode_with_large_integers(content: bytes) -> Any:
    """Decode a document as `decode` does, with integers beyond 64 bits as they are.

    For index.json, where a size that is out of range is a fault of its entry alone.

    Raises:
        InvalidManifest: As `decode`; also an integer of more than 100 digits.
    """
    text = _text(content)
    value = _loaded(text, _LARGE_DECODER)
    _check_spellings(value)
    if _SURROGATE.search(text):
        _check_texts(value)
    return value


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidManifest(f"not UTF-8 at byte {error.start}") from error
    if text.startswith("\ufeff"):
        raise InvalidManifest("starts with a byte order mark")
    return text


def _loaded(text: str, decoder: json.JSONDecoder) -> Any:
    try:
        value = decoder.decode(text)
    except RecursionError as error:
        raise InvalidManifest("nested too deeply") from error
    except json.JSONDecodeError as error:
        why = error.msg.lower().removesuffix(" at")
        raise InvalidManifest(
            f"not JSON: {why} at line {error.lineno} column {error.colno}"
        ) from error
    # Most documents have too few brackets to nest deeply.
    if text.count("{") + text.count("[") > JSON_DEPTH.value:
        _check_depth(value)
    return value


def decode_object(content: bytes) -> dict[str, Any]:
    """Decode a document that has to be a JSON object.

    Raises:
        InvalidManifest: It is another value, or `decode` refuses it.
    """
    value = decode(content)
    if not isinstance(value, dict):
        raise InvalidManifest(f"expected a JSON object, found {kind_of(value)}")
    return value


def encode(value: Any, *, indent: int | None = None) -> bytes:
    """Encode as Go's encoding/json does, by which most image documents were written.

    Go escapes ``<``, ``>``, ``&`` and U+2028/9, and no other character of Unicode; the
    order of keys is the caller's.
    """
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


def kind_of(value: Any) -> str:
    """Name the JSON type of a decoded value, for messages."""
    if value is None:
        return "null"
    return _KINDS.get(type(value), type(value).__name__)


_KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer",
          float: "number"}  # fmt: skip


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidManifest(f"the key {_repeated(pairs)[0]!r} occurs twice")
    return found


def _damaged_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        for key in _repeated(pairs):
            if key.casefold() in _FIELDS:
                raise InvalidManifest(f"the key {key!r} occurs twice")
    return found


def _repeated(pairs: list[tuple[str, Any]]) -> list[str]:
    return [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]


def _check_spellings(document: Any) -> None:
    """Refuse a field of the spec in two spellings: Go would read either of them as the field.

    Only where the spec puts fields: keys of labels, annotations and extensions may differ in
    case alone.
    """
    pending = [document]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += item
        elif isinstance(item, dict):
            if _USUAL_KEYS.issuperset(item):
                pending += [value for key, value in item.items() if key in _OBJECTS]
            else:
                _check_spellings_in(item)
                pending += [value for key, value in item.items() if key.casefold() in _OBJECTS]


def _check_spellings_in(found: Mapping[str, Any]) -> None:
    if len({key.casefold() for key in found}) == len(found):
        return
    folded: dict[str, str] = {}
    for key in found:
        other = folded.setdefault(key.casefold(), key)
        if other != key and key.casefold() in _FIELDS:
            raise InvalidManifest(f"the keys {other!r} and {key!r} differ only in case")


_OBJECTS = frozenset(
    "config layers manifests blobs subject platform rootfs history fslayers".split()
)
"""Fields whose values, or the elements of whose values, are objects with fields of the spec."""

_SPEC_FIELDS = (
    "schemaVersion mediaType artifactType config layers manifests blobs subject annotations "
    "digest size platform urls data architecture os variant os.version os.features rootfs "
    "diff_ids history fsLayers imageLayoutVersion"
).split()
_FIELDS = frozenset(map(str.casefold, _SPEC_FIELDS))

_USUAL_KEYS = frozenset(
    [
        *(name for name in _SPEC_FIELDS if name != "fsLayers"),
        *"type created created_by author comment empty_layer container docker_version".split(),
        *"User Env Entrypoint Cmd WorkingDir Labels Volumes ExposedPorts StopSignal".split(),
    ]
)
"""Keys of which no two differ only in case: an object of these alone needs no further check."""


_MOST_DIGITS = 100


def _constant(name: str) -> Any:
    raise InvalidManifest(f"{name} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise InvalidManifest(f"the number {text[:40]!r} is out of range")
    return value


def _integer(text: str) -> int:
    # A 64-bit integer has at most 20 characters; int() of thousands of digits is quadratic.
    if len(text) > len(str(-_INT64)):
        raise InvalidManifest("an integer is out of range")
    value = int(text)
    if not -_INT64 <= value < _INT64:
        raise InvalidManifest(f"the integer {text} is out of range")
    return value


def _large_integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise InvalidManifest("an integer is out of range")
    return int(text)


def _damaged_integer(text: str) -> int | float:
    value = int(text) if len(text) <= len(str(-_INT64)) else _INT64
    return value if -_INT64 <= value < _INT64 else float(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_integer
)
_LARGE_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_constant=_constant,
    parse_float=_float,
    parse_int=_large_integer,
)
_DAMAGED_DECODER = json.JSONDecoder(
    object_pairs_hook=_damaged_object,
    parse_constant=lambda _: None,
    parse_float=float,
    parse_int=_damaged_integer,
)


def _without_surrogates(value: Any) -> Any:
    # The depth has been checked.
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(v) for key, v in value.items()}
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(JSON_DEPTH.value):
        level = [child for item in level for child in _inside(item) if type(child) in _NESTING]
        if not level:
            return
    raise InvalidManifest("nested too deeply")


def _check_texts(value: Any) -> None:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            _check_text(item)
        elif type(item) in _NESTING:
            pending.extend(_inside(item))
            pending.extend(item if isinstance(item, dict) else ())


def _inside(item: Any) -> Iterable[Any]:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidManifest("a string holds a lone surrogate") from error
