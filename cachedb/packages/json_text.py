"""Text of a JSON document that is read in pieces, and the places where its values end.

The encoding is UTF-8, as RFC 8259 §8.1 demands, or UTF-16 where a byte order mark says so: .NET
tools write UTF-8 with a mark, PowerShell's redirection UTF-16.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections import Counter
from typing import Any, BinaryIO

from cachedb.errors import InvalidManifest
from cachedb.limits import JSON_DEPTH, SBOM_BYTES
from cachedb.packages.text_encoding import LONGEST_MARK, encoding_of
from cachedb.patterns import lazy

_SPACE = lazy(r"[ \t\n\r]*")
_WORD = lazy(r"[^ \t\n\r,\]}]*")
# Atomic groups, not possessive quantifiers of a group: before Python 3.11.5 the latter match too
# far, or nothing, when the group has alternatives (CPython's gh-106052).
_STRING = r'"[^"\\]*+(?>(?:\\.[^"\\]*+)*)"'
_WHOLE_STRING = lazy(_STRING, re.DOTALL)
# Whole strings and other characters up to a bracket, or up to the quote of a string that continues
# behind the text.
_MARK = lazy(rf'(?>(?:[^"\[\]{{}}]++|{_STRING})*)[\[\]{{}}"]', re.DOTALL)
# As above without brackets, up to the last comma.
_FLAT_ITEMS = lazy(rf'(?>(?:(?>(?:[^"\[\]{{}},]++|{_STRING})*),)+)', re.DOTALL)
_LEVELS = {"[": 1, "{": 1, "]": -1, "}": -1}


class InvalidValue(ValueError):
    """One value breaks a rule, and the text behind it can be read."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Text:
    """Unread text of a stream, from the current position on.

    Lengths are found by strings and brackets alone; `decode` and `skim` check the rest.
    """

    __slots__ = ("_before", "_buffer", "_bytes", "_decoder", "_ended", "_piece", "_position",
                 "_stream")  # fmt: skip

    def __init__(self, stream: BinaryIO, piece: int) -> None:
        self._stream = stream
        self._piece = piece
        self._decoder: codecs.IncrementalDecoder | None = None
        self._bytes = 0
        self._ended = False
        self._before = 0  # characters that are gone from the buffer
        self._buffer = ""
        self._position = 0

    def next(self) -> str:
        """Skip white space and return the next character without taking it, or '' at the end."""
        while True:
            self._position = _end_of(_SPACE, self._buffer, self._position)
            if self._position < len(self._buffer):
                return self._buffer[self._position]
            if not self._read_more():
                return ""

    def take(self) -> str:
        """Take the next character."""
        self._position += 1
        return self._buffer[self._position - 1]

    def decode(self, length: int) -> Any:
        """Decode `length` characters, which are in the buffer, and move behind them.

        Raises:
            InvalidValue: An object holds a key twice, or a number is NaN, infinite or an integer
                beyond 64 bits. The position stays before the value.
            InvalidManifest: The text is not JSON.
        """
        return self._decoded(_DECODER, length, "")

    def skim(self, length: int, around: str = "") -> Any:
        """Check the grammar of `length` characters, which are in the buffer; move behind them.

        Numbers are returned as texts, and the last value of a key counts. `around` is the pair of
        brackets to read the text in.

        Raises:
            InvalidManifest: The text is not JSON.
        """
        return self._decoded(_SKIMMER, length, around)

    def _decoded(self, decoder: json.JSONDecoder, length: int, around: str) -> Any:
        content = self._buffer[self._position : self._position + length]
        opening, closing = around[:1], around[1:]
        try:
            value = decoder.decode(f"{opening}{content}{closing}")
        except json.JSONDecodeError as error:
            raise self.error(error.msg.lower(), error.pos - len(opening)) from error
        self._position += length
        return value

    def raw(self, length: int) -> str:
        """Return `length` characters, which are in the buffer, and move behind them."""
        content = self._buffer[self._position : self._position + length]
        self._position += length
        return content

    def error(self, why: str, offset: int = 0) -> InvalidManifest:
        """Return the error that the text is not JSON, `offset` characters behind the position."""
        where = self._before + self._position + offset
        return InvalidManifest(f"not JSON: {why} at character {where}")

    def value_length(self, most: int, depth: int) -> int | None:
        """Return the length of the value at the position; None if it is longer than `most`.

        `depth` is the number of arrays and objects around it.
        """
        first = self._buffer[self._position]
        if first in "[{":
            return self._bracket_length(most, depth)
        return self._string_length(most) if first == '"' else self._word_length(most)

    def items_length(self, most: int, depth: int) -> int:
        """Return the length of the whole items at the position that end within `most` characters.

        The items are those of an array or an object at `depth`; 0 if none is whole. In a
        well-formed text, a comma or the end of the array or object follows.
        """
        while len(self._buffer) - self._position < most and self._read_more():
            pass
        end = self._position + most
        found = start = self._position
        level = 0
        while mark := _MARK.match(self._buffer, start, end):
            start = mark.end()
            character = self._buffer[start - 1]
            if character == '"':
                break
            level += _LEVELS[character]
            self._check_depth(depth + level)
            if level < 0:
                found = start - 1
                break
            if not level:
                found = start
        if found == self._position and (flat := _FLAT_ITEMS.match(self._buffer, found, end)):
            found = flat.end() - 1
        items = self._buffer[self._position : found]
        return 0 if items.isspace() else len(items)

    def _bracket_length(self, most: int, depth: int) -> int | None:
        offset = level = 0
        while True:
            end = self._position + most
            mark = _MARK.match(self._buffer, self._position + offset, end)
            behind = mark.end() if mark else min(end, len(self._buffer))
            character = self._buffer[behind - 1] if mark else ""
            if character in _LEVELS:
                offset = behind - self._position
                level += _LEVELS[character]
                self._check_depth(depth + level)
                if not level:
                    return offset
            elif len(self._buffer) >= end:
                return None
            else:
                # The string is incomplete: the next scan begins at its quote.
                offset = behind - len(character) - self._position
                self._read_on()

    def _string_length(self, most: int) -> int | None:
        while True:
            end = self._position + most
            if whole := _WHOLE_STRING.match(self._buffer, self._position, end):
                return whole.end() - self._position
            if len(self._buffer) >= end:
                return None
            self._read_on()

    def _word_length(self, most: int) -> int | None:
        while True:
            length = _end_of(_WORD, self._buffer, self._position) - self._position
            if length > most:
                return None
            if self._position + length < len(self._buffer) or not self._read_more():
                return length

    def _check_depth(self, depth: int) -> None:
        if depth > JSON_DEPTH.value:
            raise self.error("nested too deeply, in the value")

    def _read_on(self) -> None:
        if not self._read_more():
            raise self.error("the document ends inside a value")

    def _read_more(self) -> bool:
        if self._ended:
            return False
        rest = self._buffer[self._position :]
        self._before += self._position
        self._position = 0
        # Doubling bounds the copies of a long value; the first read is long enough for a byte
        # order mark.
        least = 0 if self._bytes else LONGEST_MARK
        chunk = _read_exactly(self._stream, max(self._piece, len(rest), least))
        self._ended = not chunk
        self._bytes += len(chunk)
        SBOM_BYTES.check(self._bytes, "the document")
        self._buffer = rest + self._decode_bytes(chunk)
        return not self._ended

    def _decode_bytes(self, chunk: bytes) -> str:
        if self._decoder is None:
            chunk = self._begin(chunk)
        assert self._decoder is not None
        pending = len(self._decoder.getstate()[0])
        try:
            return self._decoder.decode(chunk, final=self._ended)
        except UnicodeDecodeError as error:
            at = self._bytes - len(chunk) - pending + error.start
            encoding = error.encoding.upper().replace("UTF8", "UTF-8")
            raise InvalidManifest(f"not {encoding} at byte {at}") from error

    def _begin(self, chunk: bytes) -> bytes:
        """Choose the decoder by the byte order mark, and drop the mark."""
        mark, encoding = encoding_of(chunk)
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")
        return chunk[len(mark) :]


def _end_of(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def _read_exactly(stream: BinaryIO, size: int) -> bytes:
    """Read `size` bytes, or fewer at the end only, from a stream whose reads may be short."""
    parts = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


_INT64 = 2**63


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise InvalidValue(f"the key {counts.most_common(1)[0][0]!r} occurs twice")
    return found


def _constant(name: str) -> Any:
    raise InvalidValue(f"{name} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise InvalidValue(f"the number {text[:40]!r} is out of range")
    return value


def _integer(text: str) -> int:
    # A 64-bit integer has at most 20 characters; int() of thousands of digits is quadratic.
    value = int(text) if len(text) <= len(str(-_INT64)) else _INT64
    if not -_INT64 <= value < _INT64:
        raise InvalidValue(f"the integer {text[:40]} is out of range")
    return value


# As strict as oci.strict_json, but for keys that differ only in case, which properties of an SBOM
# may, and for lone surrogates, which matter only in the fields that are read: see
# `Package.stated`.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_integer
)
_SKIMMER = json.JSONDecoder(parse_constant=str, parse_float=str, parse_int=str)
