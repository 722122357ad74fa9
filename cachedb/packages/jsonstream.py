"""Read parts of a JSON document of any size without holding it.

The document is walked once, from its first byte to its last; values that nobody asked for are
checked and dropped. What is held is a piece of text, and the one value that is being read.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from cachedb.errors import InvalidManifest
from cachedb.limits import JSON_DEPTH, JSON_KEYS, SBOM_BYTES, SBOM_VALUE_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PIECE = 64 * 1024
"""How many bytes are read at a time, unless one value is longer."""


class Take(Enum):
    """What to yield of a value: it as a whole, or the elements of the array that it is."""

    VALUE = "value"
    ELEMENTS = "elements"


Wanted: TypeAlias = "Mapping[str, Take | Wanted]"
"""Which keys of an object are wanted; a mapping stands for the keys of an object below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A value and where it was: the keys that lead to it, and its place in an array."""

    keys: tuple[str, ...]
    index: int | None
    value: Any

    @property
    def path(self) -> str:
        """The place as errors write it: ``predicate.packages[3]``."""
        return _path(self.keys, self.index)


def read(stream: BinaryIO, wanted: Wanted, *, piece: int = PIECE) -> Iterator[Found]:
    """Yield the `wanted` values of the object that `stream` holds, in the order of the document.

    A wanted key that is null counts as absent. The rest of the document has been checked only
    when the iterator ends, so that what it yielded before an error is not to be kept. The
    stream is left open.

    Raises:
        InvalidManifest: The bytes are not UTF-8 or not one JSON object, or an object holds a
            key twice, a number is NaN, infinite or an integer beyond 64 bits, a string holds a
            lone surrogate, values nest deeper than the limit, or something wanted is not the
            array or the object that it has to be.
        LimitExceeded: The document, one wanted value, or the keys of one object are too many.
    """
    text = _Text(stream, piece)
    if text.next() != "{":
        raise text.error("expected an object")
    yield from _wanted_object(text, wanted, ())
    if text.next():
        raise text.error("expected the end of the document")


_SPACE = re.compile(r"[ \t\n\r]*")
_WORD = re.compile(r"[^ \t\n\r,\]}]*")
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
# Whole strings and what is no bracket, up to a bracket, or the quote of a string that goes on
# behind the text.
_MARK = re.compile(rf'(?:[^"\[\]{{}}]++|{_STRING})*+[\[\]{{}}"]', re.DOTALL)
_LEVELS = {"[": 1, "{": 1, "]": -1, "}": -1}
_WHOLE_STRING = re.compile(_STRING, re.DOTALL)


class _Text:
    """The text of a stream, as far as it has been read and not used."""

    __slots__ = ("_before", "_buffer", "_bytes", "_decoder", "_ended", "_position", "_stream",
                 "piece")  # fmt: skip

    def __init__(self, stream: BinaryIO, piece: int) -> None:
        self._stream = stream
        self.piece = piece
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

    def take(self, length: int = 1) -> str:
        """Return that many characters, which have been seen to be there, and go behind them."""
        start = self._position
        self._position += length
        return self._buffer[start : self._position]

    def value_length(self, most: int, depth: int) -> int | None:
        """Find where the value ends that begins here; None if it is longer than `most`.

        Only strings and brackets are looked at: what is between is left to the decoder.
        """
        first = self._buffer[self._position]
        if first in "[{":
            length = self._bracket_length(most, depth)
        elif first == '"':
            length = self._string_length(most)
        else:
            length = self._word_length(most)
        return None if length is None or length > most else length

    def _bracket_length(self, most: int, depth: int) -> int | None:
        offset = level = 0
        while True:
            mark = _MARK.match(self._buffer, self._position + offset)
            end = mark.end() if mark else len(self._buffer)
            character = self._buffer[end - 1] if mark else ""
            if character in _LEVELS:
                offset = end - self._position
                level += _LEVELS[character]
                if depth + level > JSON_DEPTH.value:
                    raise self.error("nested too deeply")
                if not level:
                    return offset
            else:
                if len(self._buffer) - self._position > most:
                    return None
                # The quote of a string that goes on is looked at again.
                offset = end - len(character) - self._position
                self._read_on()

    def _string_length(self, most: int) -> int | None:
        while not (whole := _WHOLE_STRING.match(self._buffer, self._position)):
            if len(self._buffer) - self._position > most:
                return None
            self._read_on()
        return whole.end() - self._position

    def _word_length(self, most: int) -> int | None:
        while True:
            end = _end_of(_WORD, self._buffer, self._position)
            if end < len(self._buffer) or end - self._position > most or not self._read_more():
                return end - self._position

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
        chunk = _read_exactly(self._stream, max(self.piece, len(rest)))
        self._ended = not chunk
        self._bytes += len(chunk)
        SBOM_BYTES.check(self._bytes, "the document")
        self._buffer = rest + self._decode(chunk)
        return not self._ended

    def _decode(self, chunk: bytes) -> str:
        pending = len(self._decoder.getstate()[0])
        try:
            return self._decoder.decode(chunk, final=self._ended)
        except UnicodeDecodeError as error:
            at = self._bytes - len(chunk) - pending + error.start
            raise InvalidManifest(f"not UTF-8 at byte {at}") from error

    def error(self, why: str, back: int = 0) -> InvalidManifest:
        """Say why the text is not JSON, here or so many characters before."""
        return InvalidManifest(
            f"not JSON: {why} at character {self._before + self._position - back}"
        )


def _wanted_object(text: _Text, wanted: Wanted, keys: tuple[str, ...]) -> Iterator[Found]:
    depth = len(keys) + 1
    for key in _keys(text):
        take = wanted.get(key)
        below = (*keys, key)
        if take is None or text.next() == "n":
            _skip(text, depth)
        elif take is Take.VALUE:
            yield Found(keys=below, index=None, value=_value(text, depth, below))
        elif take is Take.ELEMENTS:
            _expect(text, "[", "array", below)
            for index in _indexes(text):
                value = _value(text, depth + 1, below, index)
                yield Found(keys=below, index=index, value=value)
        else:
            _expect(text, "{", "object", below)
            yield from _wanted_object(text, take, below)


def _expect(text: _Text, bracket: str, kind: str, keys: tuple[str, ...]) -> None:
    found = text.next()
    if found != bracket:
        kinds = {"[": "array", "{": "object", '"': "string", "t": "boolean", "f": "boolean"}
        raise InvalidManifest(
            f"expected {kind}, found {kinds.get(found, 'number')}", _path(keys, None)
        )


def _keys(text: _Text) -> Iterator[str]:
    """Go behind each key of the object that begins here, and at last behind the object.

    Whoever iterates reads the value before the next step.
    """
    # Hashes: a set of a hundred thousand keys is small, however long the keys are.
    seen: set[int] = set()
    text.take()
    if text.next() == "}":
        text.take()
        return
    while True:
        if text.next() != '"':
            raise text.error("expected a key")
        key = _value(text, 0, ())
        if hash(key) in seen:
            raise text.error(f"the key {key!r} is there twice", back=1)
        seen.add(hash(key))
        JSON_KEYS.check(len(seen), "an object")
        if text.next() != ":":
            raise text.error("expected a colon")
        text.take()
        yield key
        if _is_last(text, "}"):
            return


def _indexes(text: _Text) -> Iterator[int]:
    """Go to each element of the array that begins here, and at last behind the array."""
    text.take()
    if text.next() == "]":
        text.take()
        return
    index = 0
    while True:
        yield index
        if _is_last(text, "]"):
            return
        index += 1


def _is_last(text: _Text, bracket: str) -> bool:
    found = text.next()
    if found not in (",", bracket):
        raise text.error(f"expected a comma or {bracket}")
    text.take()
    return found == bracket


def _skip(text: _Text, depth: int) -> None:
    """Check the value that begins here and drop it, in parts if it is long."""
    if not text.next():
        raise text.error("expected a value")
    length = text.value_length(text.piece, depth)
    if length is not None:
        _decode(text, length)
    elif text.next() == "{":
        for _ in _keys(text):
            _skip(text, depth + 1)
    elif text.next() == "[":
        for _ in _indexes(text):
            _skip(text, depth + 1)
    else:
        _value(text, depth, ())


def _value(text: _Text, depth: int, keys: tuple[str, ...], index: int | None = None) -> Any:
    """Decode the value that begins here and go behind it."""
    if not text.next():
        raise text.error("expected a value")
    most = SBOM_VALUE_CHARACTERS.value
    length = text.value_length(most, depth)
    if length is None:
        SBOM_VALUE_CHARACTERS.check(most + 1, _path(keys, index) or "a value")
    try:
        return _decode(text, length or 0)
    except InvalidManifest as error:
        raise InvalidManifest(error.why, _path(keys, index)) from error


def _decode(text: _Text, length: int) -> Any:
    content = text.take(length)
    try:
        value = _DECODER.decode(content)
    except json.JSONDecodeError as error:
        raise text.error(error.msg.lower(), back=length - error.pos) from error
    except InvalidManifest as error:
        raise text.error(f"{error.why}, in the value", back=length) from error
    # Only an escape can bring one in: the UTF-8 decoder does not let them pass.
    if _SURROGATE.search(content) and _LONE.search(json.dumps(value, ensure_ascii=False)):
        raise text.error("a string holds a lone surrogate, in the value", back=length)
    return value


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


def _path(keys: tuple[str, ...], index: int | None) -> str:
    return ".".join(keys) + ("" if index is None else f"[{index}]")


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
