"""Read parts of a JSON document of any size without holding it.

The document is walked once, from its first byte to its last; values that nobody asked for are
checked and dropped. What is held is a piece of text, and the one value that is being read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from cachedb.errors import InvalidManifest
from cachedb.limits import JSON_KEYS, SBOM_BYTES, SBOM_VALUE_CHARACTERS
from cachedb.packages.json_text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PIECE = 64 * 1024
"""How many bytes are read at a time, unless one value is longer."""


class Take(Enum):
    """What to yield of a value."""

    VALUE = "value"
    """It as a whole."""
    ELEMENTS = "elements"
    """The elements of the array that it is, one by one."""
    RAW = "raw"
    """Its text as it stands, of any length. What is in it is not checked."""


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
        if take is None or text.next() == "n":
            rest.skip(depth)
        elif take is Take.VALUE:
            yield Found(keys=below, index=None, value=_value(text, depth, below))
        elif take is Take.RAW:
            yield Found(keys=below, index=None, value=_raw(text, depth))
        elif take is Take.ELEMENTS:
            _expect(text, "[", "array", below)
            for index in _items(text, "]"):
                value = _value(text, depth + 1, below, index)
                yield Found(keys=below, index=index, value=value)
        else:
            _expect(text, "{", "object", below)
            yield from _wanted_object(text, take, below, rest)


def _expect(text: Text, bracket: str, kind: str, keys: tuple[str, ...]) -> None:
    found = text.next()
    if found != bracket:
        kinds = {"[": "array", "{": "object", '"': "string", "t": "boolean", "f": "boolean"}
        raise InvalidManifest(
            f"expected {kind}, found {kinds.get(found, 'number')}", _path(keys, None)
        )


def _items(text: Text, closing: str) -> Iterator[int]:
    """Go to each item of the array or object that begins here, and at last behind its end.

    Whoever iterates reads the item, or some of them, before the next step.
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
    """The keys that one object has had so far."""

    __slots__ = ("_seen", "_text")

    def __init__(self, text: Text) -> None:
        self._text = text
        # Hashes: a set of a hundred thousand of them is small, however long the keys are.
        self._seen: set[int] = set()

    def read(self) -> str:
        """Read the key that is here and go to its value."""
        if self._text.next() != '"':
            raise self._text.error("expected a key")
        key: str = _value(self._text, 0, ())
        self.add(key)
        if self._text.next() != ":":
            raise self._text.error("expected a colon")
        self._text.take()
        return key

    def add(self, key: str) -> None:
        """Take a key that has been read, once."""
        if hash(key) in self._seen:
            raise self._text.error(f"the key {key!r} is there twice, before")
        self._seen.add(hash(key))
        JSON_KEYS.check(len(self._seen), "an object")


_SMALLEST_WINDOW = 1024


class _Rest:
    """Checks the values that nobody wants and drops them, as many at a time as it can.

    It looks no further ahead than a window of text. A value that is longer is entered, with a
    small window that grows with what fits: thus no text is looked at over and over because
    many long values begin before it.
    """

    __slots__ = ("_piece", "_text", "_window")

    def __init__(self, text: Text, piece: int) -> None:
        self._text = text
        self._piece = piece
        self._window = piece

    def skip(self, depth: int) -> None:
        """Go behind the value that begins here, which is in so many arrays and objects."""
        if not self._text.next():
            raise self._text.error("expected a value")
        length = self._text.value_length(self._window, depth)
        if length is None:
            self._enter(depth)
        else:
            self._text.decode(length)
            self._fitted(length)

    def _enter(self, depth: int) -> None:
        self._window = min(self._piece, _SMALLEST_WINDOW)
        match self._text.next():
            case "[":
                self._skip_array(depth + 1)
            case "{":
                self._skip_object(depth + 1)
            case _:
                _value(self._text, depth, ())

    def _skip_array(self, depth: int) -> None:
        for _ in _items(self._text, "]"):
            if length := self._text.items_length(self._window, depth):
                self._text.decode(length, around="[]")
                self._fitted(length)
            else:
                self._enter(depth)

    def _skip_object(self, depth: int) -> None:
        keys = _Keys(self._text)
        for _ in _items(self._text, "}"):
            if length := self._text.items_length(self._window, depth):
                for key in self._text.decode(length, around="{}"):
                    keys.add(key)
                self._fitted(length)
            else:
                keys.read()
                self.skip(depth)

    def _fitted(self, length: int) -> None:
        self._window = min(self._piece, max(self._window, 2 * length))


def _value(text: Text, depth: int, keys: tuple[str, ...], index: int | None = None) -> Any:
    """Decode the value that begins here and go behind it."""
    if not text.next():
        raise text.error("expected a value")
    most = SBOM_VALUE_CHARACTERS.value
    length = text.value_length(most, depth)
    if length is None:
        SBOM_VALUE_CHARACTERS.check(most + 1, _path(keys, index) or "a value")
    try:
        return text.decode(length or 0)
    except InvalidManifest as error:
        raise InvalidManifest(error.why, _path(keys, index)) from error


def _raw(text: Text, depth: int) -> str:
    """Go behind the value that begins here and return its text."""
    length = text.value_length(SBOM_BYTES.value, depth)
    return text.raw(length or 0)


def _path(keys: tuple[str, ...], index: int | None) -> str:
    return ".".join(keys) + ("" if index is None else f"[{index}]")
