"""Streaming reader of chosen values of a JSON document, in memory bounded by one value.

The document is walked once, from its first byte to its last. Unwanted values are checked for
grammar and dropped. Memory holds a piece of text and the one value that is read.
"""

from __future__ import annotations

import io
from enum import Enum
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeAlias

from cachedb.errors import InvalidManifest, LimitExceeded
from cachedb.limits import JSON_KEYS, SBOM_BYTES, SBOM_VALUE_CHARACTERS
from cachedb.packages.json_text import InvalidValue, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PIECE = 64 * 1024
"""Bytes to read at a time, unless one value is longer."""


class Take(Enum):
    """Form in which a value is returned."""

    VALUE = "value"
    """The whole value, decoded."""
    ELEMENTS = "elements"
    """The elements of an array, decoded one by one."""
    RAW = "raw"
    """The JSON text of the value, of any length, not checked."""


class Embedded(NamedTuple):
    """An object, or a string that holds the text of one (cosign wraps documents so).

    A string with any other text is returned as a value.
    """

    wanted: Wanted


Wanted: TypeAlias = "Mapping[str, Take | Embedded | Wanted]"
"""The wanted keys of an object; a mapping holds the wanted keys of a nested object."""


class Found(NamedTuple):
    """A value and its place: the keys that lead to it, and its position in an array.

    `problem` says why an element of an array cannot be read; `value` is None then.
    """

    keys: tuple[str, ...]
    position: int | None
    value: Any
    problem: str | None = None

    @property
    def path(self) -> str:
        """Return the place as errors write it: ``predicate.packages[3]``."""
        return _path(self.keys, self.position)


def read(stream: BinaryIO, wanted: Wanted, *, piece: int = PIECE) -> Iterator[Found]:
    """Yield the `wanted` values of the object that `stream` holds, in the order of the document.

    A wanted key that is null counts as absent. An element of a wanted array that cannot be read is
    yielded with its problem. The rest of the document has been checked only when the iterator
    ends, so values yielded before an error are void. The stream stays open.

    Raises:
        InvalidManifest: The bytes are not UTF-8 or not one JSON object; an object with wanted
            keys holds a key twice; a wanted value holds a key twice, NaN, an infinite number or an
            integer beyond 64 bits; values nest deeper than the limit; or a wanted value is not of
            the required type.
        LimitExceeded: The document, one wanted value, or the keys of one object are too many.
    """
    text = Text(stream, piece)
    if text.next() != "{":
        raise text.error("expected an object")
    yield from _wanted_object(text, wanted, (), _Rest(text, piece))
    if text.next():
        raise text.error("expected the end of the document")


def _wanted_object(
    text: Text, wanted: Wanted, keys: tuple[str, ...], rest: _Rest
) -> Iterator[Found]:
    depth = len(keys) + 1
    seen = _Keys(text)
    for _ in _items(text, "}"):
        key = seen.read()
        take, below = wanted.get(key), (*keys, key)
        first = text.next()
        if take is None or first == "n":
            rest.skip(depth)
        elif take is Take.VALUE:
            yield Found(keys=below, position=None, value=_value(text, depth, below))
        elif take is Take.RAW:
            yield Found(keys=below, position=None, value=_raw(text, depth))
        elif take is Take.ELEMENTS:
            _expect(text, "[", "array", below)
            for index in _items(text, "]"):
                yield _element(text, depth + 1, Found(below, index, None), rest)
        elif isinstance(take, Embedded) and first == '"':
            yield from _embedded(text, depth, take.wanted, below)
        else:
            _expect(text, "{", "object", below)
            inside = take.wanted if isinstance(take, Embedded) else take
            yield from _wanted_object(text, inside, below, rest)


def _element(text: Text, depth: int, place: Found, rest: _Rest) -> Found:
    """Read an element of an array, or skip it and return why it cannot be read."""
    if not text.next():
        raise text.error("expected a value")
    length = text.value_length(SBOM_VALUE_CHARACTERS.value, depth)
    if length is None:
        rest.skip(depth)
        too_long = LimitExceeded(
            "it", SBOM_VALUE_CHARACTERS.name, SBOM_VALUE_CHARACTERS.value,
            SBOM_VALUE_CHARACTERS.variable,
        )  # fmt: skip
        return place._replace(problem=str(too_long))
    try:
        return place._replace(value=text.decode(length))
    except InvalidValue as error:
        text.skim(length)
        return place._replace(problem=error.why)
    except InvalidManifest as error:
        raise InvalidManifest(error.why, place.path) from error


def _embedded(text: Text, depth: int, wanted: Wanted, keys: tuple[str, ...]) -> Iterator[Found]:
    """Read the document whose text is the string at the current position."""
    length = text.value_length(SBOM_BYTES.value, depth)
    content: str = text.decode(length or 0)
    if not content.removeprefix("\ufeff").lstrip().startswith("{"):
        yield Found(keys=keys, position=None, value=content)
        return
    try:
        for found in read(io.BytesIO(content.encode(errors="replace")), wanted):
            yield found._replace(keys=(*keys, *found.keys))
    except InvalidManifest as error:
        raise InvalidManifest(error.why, _path(keys, None)) from error


def _expect(text: Text, bracket: str, kind: str, keys: tuple[str, ...]) -> None:
    found = text.next()
    if found != bracket:
        kinds = {"[": "array", "{": "object", '"': "string", "t": "boolean", "f": "boolean"}
        raise InvalidManifest(
            f"expected {kind}, found {kinds.get(found, 'number')}", _path(keys, None)
        )


def _items(text: Text, closing: str) -> Iterator[int]:
    """Yield the index of each item of the array or object at the current position; end behind it.

    The caller reads one item, or several, before the next step.
    """
    text.take()
    if text.next() == closing:
        text.take()
        return
    index = 0
    while True:
        yield index
        index += 1
        found = text.next()
        if found not in (",", closing):
            raise text.error(f"expected a comma or {closing}")
        text.take()
        if found == closing:
            return


class _Keys:
    """Keys of one object, each of which may occur once."""

    __slots__ = ("_seen", "_text")

    def __init__(self, text: Text) -> None:
        self._text = text
        # Hashes of the keys, so that memory does not depend on the lengths of the keys.
        self._seen: set[int] = set()

    def read(self) -> str:
        """Read the key at the current position and move to its value."""
        if self._text.next() != '"':
            raise self._text.error("expected a key")
        key: str = _value(self._text, 0, ())
        if hash(key) in self._seen:
            raise self._text.error(f"the key {key!r} occurs twice, before")
        self._seen.add(hash(key))
        JSON_KEYS.check(len(self._seen), "an object")
        if self._text.next() != ":":
            raise self._text.error("expected a colon")
        self._text.take()
        return key


_SMALLEST_WINDOW = 1024


class _Rest:
    """Check the grammar of unwanted values and drop them, many at a time.

    The lookahead is one window of text. A longer value is entered, with a small window that grows
    while items fit into it, so that no text is scanned repeatedly because many long values begin
    before it.
    """

    __slots__ = ("_piece", "_text", "_window")

    def __init__(self, text: Text, piece: int) -> None:
        self._text = text
        self._piece = piece
        self._window = piece

    def skip(self, depth: int) -> None:
        """Move behind the value at the current position; `depth` is its level of nesting."""
        if not self._text.next():
            raise self._text.error("expected a value")
        length = self._text.value_length(self._window, depth)
        if length is None:
            self._enter(depth)
        else:
            self._text.skim(length)
            self._fitted(length)

    def _enter(self, depth: int) -> None:
        self._window = min(self._piece, _SMALLEST_WINDOW)
        match self._text.next():
            case "[":
                self._skip_array(depth + 1)
            case "{":
                self._skip_object(depth + 1)
            case _:
                self._skip_long_scalar(depth)

    def _skip_array(self, depth: int) -> None:
        for _ in _items(self._text, "]"):
            if length := self._text.items_length(self._window, depth):
                self._text.skim(length, around="[]")
                self._fitted(length)
            else:
                self._enter(depth)

    def _skip_object(self, depth: int) -> None:
        for _ in _items(self._text, "}"):
            if length := self._text.items_length(self._window, depth):
                self._text.skim(length, around="{}")
                self._fitted(length)
            else:
                if self._text.next() != '"':
                    raise self._text.error("expected a key")
                self._skip_long_scalar(depth)
                if self._text.next() != ":":
                    raise self._text.error("expected a colon")
                self._text.take()
                self.skip(depth)

    def _skip_long_scalar(self, depth: int) -> None:
        if not self._text.next():
            raise self._text.error("expected a value")
        length = self._text.value_length(SBOM_VALUE_CHARACTERS.value, depth)
        if length is None:
            SBOM_VALUE_CHARACTERS.check(SBOM_VALUE_CHARACTERS.value + 1, "a value")
        self._text.skim(length or 0)

    def _fitted(self, length: int) -> None:
        self._window = min(self._piece, max(self._window, 2 * length))


def _value(text: Text, depth: int, keys: tuple[str, ...], index: int | None = None) -> Any:
    """Decode the value at the current position and move behind it."""
    if not text.next():
        raise text.error("expected a value")
    most = SBOM_VALUE_CHARACTERS.value
    length = text.value_length(most, depth)
    if length is None:
        SBOM_VALUE_CHARACTERS.check(most + 1, _path(keys, index) or "a value")
    try:
        return text.decode(length or 0)
    except (InvalidManifest, InvalidValue) as error:
        raise InvalidManifest(error.why, _path(keys, index)) from error


def _raw(text: Text, depth: int) -> str:
    """Return the text of the value at the current position and move behind it."""
    length = text.value_length(SBOM_BYTES.value, depth)
    return text.raw(length or 0)


def _path(keys: tuple[str, ...], index: int | None) -> str:
    return ".".join(keys) + ("" if index is None else f"[{index}]")
