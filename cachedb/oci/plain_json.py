"""Decoder in C for documents that every reader of JSON understands alike: nearly all of them.

`strict_json` looks at each object while it is decoded, for a key that occurs twice. Here the keys
are counted in the text: a reader that knows where a document has keys compares their number with
that of the decoded ones, and leaves the document to `strict_json` unless both are equal.
"""

from __future__ import annotations

import json
from typing import Any

from cachedb.limits import JSON_DEPTH

_SPACED_COLONS = (b" :", b"\n:", b"\t:", b"\r:")
_SURROGATES = (b"\\ud", b"\\uD")


def decode_plain(content: bytes) -> tuple[dict[str, Any], int] | None:
    """Decode a JSON object; return it, and the number of keys in its text. None for others.

    None also for UTF-8 or JSON that is malformed, NaN, fractions, lone surrogates and nesting
    beyond the limit. The number is at least that of the keys of the text, those that occur twice
    and those that differ in escapes alone included; colons in texts may make it larger. Integers
    are not limited to 64 bits.
    """
    # A key with a space before its colon would not be counted.
    if any(map(content.__contains__, _SPACED_COLONS)):
        return None
    if b"\\" in content and any(map(content.__contains__, _SURROGATES)):
        return None
    if content.count(b"{") + content.count(b"[") > JSON_DEPTH.value:
        return None
    try:
        text = content.decode()
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    if end != len(text) or type(value) is not dict:
        return None
    return value, content.count(b'":')


def _refuse(text: str) -> Any:
    raise ValueError(text)


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_refuse)
