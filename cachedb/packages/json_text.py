"""The text of a JSON document that is read in pieces, and where its values end."""

from __future__ import annotations

import codecs
import json
import math
import re
from collections import Counter
from typing import Any, BinaryIO

from cachedb.errors import InvalidManifest
from cachedb.limits import JSON_DEPTH, SBOM_BYTES

_SPACE = re.compile(r"[ \t\n\r]*")
_WORD = re.compile(r"[^ \t\n\r,\]}]*")
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_WHOLE_STRING = re.compile(_STRING, re.DOTALL)
# Whole strings and what is no bracket, up to a bracket, or the quote of a string that goes on
# behind the text.
_MARK = re.compile(rf'(?:[^"\[\]{{}}]++|{_STRING})*+[\[\]{{}}"]', re.DOTALL)
# The same without brackets, up to the last comma.
_FLAT_ITEMS = re.compile(rf'(?:(?:[^"\[\]{{}},]++|{_STRING})*+,)++', re.DOTALL)
_LEVELS = {"[": 1, "{": 1, "]": -1, "}": -1}


class Text:
    """The text of a stream, as far as it has been read and not used.

    Lengths are found by looking at strings and brackets only; what is between them is left to
    `decode`.
    """

    __slots__ = ("_before", "_buffer", "_bytes", "_decoder", "_ended", "_piece", "_position",
                 "_stream")  # fmt: skip

    def __init__(self, stream: BinaryIO, piece: int) -> None:
        self._stream = stream
        self._piece = piece
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._bytes = 0
        self._ended = False
        self._before = 0  # characters that are gone from the buffer
        self._buffer = ""
        self._position = 0

    def next(self) -> str:
        """Skip white space and return the character there, or '' at the end."""
        while True:
            self._position = _end_of(_SPACE, self._buffer, self._position)
            if self._position < len(self._buffer):
                return self._buffer[self._position]
            if not self._read_more():
                return ""

    def take(self) -> str:
        """Return the character here and go behind it."""
        self._position += 1
        return self._buffer[self._position - 1]

    def decode(self, length: int, around: str = "") -> Any:
        """Decode so many characters, which have been seen to be there, and go behind them.

        `around` is the pair of brackets that the text is to be read in.
        """
        content = self._buffer[self._position : self._position + length]
        opening, closing = around[:1], around[1:]
        try:
            value = _DECODER.decode(f"{opening}{content}{closing}")
        except json.JSONDecodeError as error:
            raise self.error(error.msg.lower(), error.pos - len(opening)) from error
        except InvalidManifest as error:
            raise self.error(f"{error.why}, in the value") from error
        # Only an escape can bring one in: the UTF-8 decoder does not let them pass.
        if _SURROGATE.search(content) and _LONE.search(json.dumps(value, ensure_ascii=False)):
            raise self.error("a string holds a lone surrogate, in the value")
        self._position += length
        return value

    def raw(self, length: int) -> str:
        """Return so many characters, which have been seen to be there, and go behind them."""
        content = self._buffer[self._position : self._position + length]
        self._position += length
        return content

    def error(self, why: str, offset: int = 0) -> InvalidManifest:
        """Say why the text is not JSON, here or so many characters on."""
        where = self._before + self._position + offset
        return InvalidManifest(f"not JSON: {why} at character {where}")

    def value_length(self, most: int, depth: int) -> int | None:
        """Find where the value ends that begins here; None if it is longer than `most`.

        `depth` is how many arrays and objects it is in.
        """
        first = self._buffer[self._position]
        if first in "[{":
            return self._bracket_length(most, depth)
        return self._string_length(most) if first == '"' else self._word_length(most)

    def items_length(self, most: int, depth: int) -> int:
        """Find how many characters hold whole items, up to the last that ends within `most`.

        The items are those of an array or an object, at `depth`; none at all gives 0. What
        follows is a comma or the end of the array or object, if the text is well-formed.
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
                # The quote of a string that goes on is looked at again.
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
        # As much again as there is, so that a long value is not copied over and over.
        chunk = _read_exactly(self._stream, max(self._piece, len(rest)))
        self._ended = not chunk
        self._bytes += len(chunk)
        SBOM_BYTES.check(self._bytes, "the document")
        self._buffer = rest + self._decode_bytes(chunk)
        return not self._ended

    def _decode_bytes(self, chunk: bytes) -> str:
        pending = len(self._decoder.getstate()[0])
        try:
            return self._decoder.decode(chunk, final=self._ended)
        except UnicodeDecodeError as error:
            at = self._bytes - len(chunk) - pending + error.start
            raise InvalidManifest(f"not UTF-8 at byte {at}") from error


def _end_of(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def _read_exactly(stream: BinaryIO, size: int) -> bytes:
    """Read `size` bytes, fewer only at the end, from a stream that gives what it likes."""
    parts = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LONE = re.compile("[\ud800-\udfff]")
_INT64 = 2**63


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise InvalidManifest(f"the key {counts.most_common(1)[0][0]!r} is there twice")
    return found


def _constant(name: str) -> Any:
    raise InvalidManifest(f"{name} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise InvalidManifest(f"the number {text[:40]!r} is out of range")
    return value


def _integer(text: str) -> int:
    # A 64-bit integer has at most 20 characters; int() of thousands of digits is a trap.
    value = int(text) if len(text) <= len(str(-_INT64)) else _INT64
    if not -_INT64 <= value < _INT64:
        raise InvalidManifest(f"the integer {text[:40]} is out of range")
    return value


# As strict as oci.strict_json, but for keys that differ only in case: an SBOM's properties may.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_integer
)
