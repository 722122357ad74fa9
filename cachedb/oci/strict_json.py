"""The one JSON decoder: a document has one meaning, or it is refused.

Go, Python and JavaScript disagree on duplicate keys, on keys that differ only
in case, on byte order marks and on NaN; a document that two readers understand
differently is how one image passes a check and another one runs.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from cachedb.errors import InvalidManifest
from cachedb.limits import JSON_DEPTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_INT64 = 2**63
_NESTING = frozenset({dict, list})
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def decode(content: bytes) -> Any:
    """Decode one UTF-8 JSON document.

    Raises:
        InvalidManifest: The bytes are not UTF-8 or not JSON, hold a key twice (also in another
            case), NaN, an infinity, a lone surrogate, an integer beyond 64 bits, or nest
            deeper than the limit.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidManifest(f"not UTF-8 at byte {error.start}") from error
    if text.startswith("\ufeff"):
        raise InvalidManifest("starts with a byte order mark")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_integer,
        )
    except RecursionError as error:
        raise InvalidManifest("nested too deeply") from error
    except json.JSONDecodeError as error:
        why = error.msg.lower().removesuffix(" at")
        raise InvalidManifest(
            f"not JSON: {why} at line {error.lineno} column {error.colno}"
        ) from error
    _check_depth(value)
    if _SURROGATE.search(text):  # in UTF-8, only an escape can make one
        _check_texts(value)
    return value


def decode_object(content: bytes) -> dict[str, Any]:
    """Decode a document that has to be a JSON object."""
    value = decode(content)
    if not isinstance(value, dict):
        raise InvalidManifest(f"expected a JSON object, found {kind_of(value)}")
    return value


def encode(value: Any, *, indent: int | None = None) -> bytes:
    """Encode as Go's encoding/json does: that is how most documents here were written.

    Go escapes ``<``, ``>``, ``&`` and U+2028/9 and leaves the rest of Unicode alone; the
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


def _object(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len({key.casefold() for key in found}) != len(pairs):
        _refuse_collisions(pairs)
    return found


def _refuse_collisions(pairs: list[tuple[str, Any]]) -> None:
    folded: dict[str, str] = {}
    seen: set[str] = set()
    for key, _ in pairs:
        other = folded.setdefault(key.casefold(), key)
        if key in seen:
            raise InvalidManifest(f"the key {key!r} is there twice")
        if other != key and _is_ours(key):
            raise InvalidManifest(f"the keys {other!r} and {key!r} differ only in case")
        seen.add(key)


def _is_ours(key: str) -> bool:
    # Labels and annotations may differ in case alone; a field of a spec may not,
    # because Go would read either spelling as the field.
    return key.casefold() in _FIELDS


_FIELDS = frozenset(
    name.casefold()
    for name in (
        "schemaVersion mediaType artifactType config layers manifests blobs subject annotations "
        "digest size platform urls data architecture os variant os.version os.features rootfs "
        "diff_ids history fsLayers imageLayoutVersion"
    ).split()
)


def _constant(name: str) -> Any:
    raise InvalidManifest(f"{name} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise InvalidManifest(f"the number {text[:40]!r} is out of range")
    return value


def _integer(text: str) -> int:
    # A 64-bit integer has at most 20 characters; int() of thousands of digits is a trap.
    if len(text) > len(str(-_INT64)):
        raise InvalidManifest("an integer is out of range")
    value = int(text)
    if not -_INT64 <= value < _INT64:
        raise InvalidManifest(f"the integer {text} is out of range")
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
