"""Sparse files in tar archives: offsets and lengths of the data of a file with holes.

Four forms are in use: GNU's own header, and PAX records in versions 0.0, 0.1 and 1.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.archive.tar.header import BLOCK, BadHeader, Header, number
from cachedb.patterns import lazy
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

PREFIX = "GNU.sparse."
_HEADER_TABLE = slice(386, 482)
_HEADER_IS_EXTENDED = 482
_REAL_SIZE = slice(483, 495)
_EXTENSION_TABLE = slice(0, 504)
_EXTENSION_IS_EXTENDED = 504
_PAIR = 24
_DIGITS = lazy(rb"[0-9]{1,20}")
_MOST_DIGITS = 21


class SparseMap(Record):
    """The real size of a file, and each run of data in it: where it starts, how long it is."""

    size: int
    runs: tuple[tuple[int, int], ...]

    @property
    def stored(self) -> int:
        """Number of bytes in the archive."""
        return sum(length for _, length in self.runs)


def from_header(header: Header, read_block: Callable[[], bytes], most: int) -> SparseMap:
    """Read the map of GNU's own form; its extension blocks are read from the archive."""
    pairs = _pairs(header.block[_HEADER_TABLE])
    is_extended = header.block[_HEADER_IS_EXTENDED]
    while is_extended:
        block = read_block()
        pairs += _pairs(block[_EXTENSION_TABLE])
        is_extended = block[_EXTENSION_IS_EXTENDED]
        if len(pairs) * _PAIR > most:
            raise BadHeader("the map of a sparse file is too long")
    return _checked(number(header.block[_REAL_SIZE]), pairs)


def from_records(
    records: Iterable[tuple[str, bytes]], read_block: Callable[[], bytes], most: int
) -> tuple[SparseMap, int] | None:
    """Read the map that PAX records describe; None if they describe none.

    Also returns the number of bytes of the content that the map occupies (version 1.0).
    """
    found: dict[str, bytes] = {}
    pairs: list[tuple[int, int]] = []
    offset: int | None = None
    for key, value in records:
        match key.removeprefix(PREFIX) if key.startswith(PREFIX) else "":
            case "offset":
                offset = _integer(value)
            case "numbytes" if offset is not None:
                pairs.append((offset, _integer(value)))
                offset = None
            case "":
                continue
            case name:
                found[name] = value
    version = found.get("major", b""), found.get("minor", b"")
    if version == (b"1", b"0"):
        pairs, taken = _in_content(read_block, most)
        return _checked(_real_size(found), pairs), taken
    if version not in {(b"", b""), (b"0", b"0"), (b"0", b"1")}:
        raise BadHeader("sparse file of an unsupported version")
    if found.get("map"):
        numbers = [_integer(each) for each in found["map"].split(b",")]
        if len(numbers) % 2:
            raise BadHeader("the map of a sparse file is truncated")
        pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    return (_checked(_real_size(found), pairs), 0) if found or pairs else None


def _real_size(found: Mapping[str, bytes]) -> int:
    return _integer(found.get("realsize") or found.get("size") or b"?")


def _pairs(table: bytes) -> list[tuple[int, int]]:
    found = []
    for start in range(0, len(table), _PAIR):
        offset, length = table[start : start + 12], table[start + 12 : start + _PAIR]
        if not offset.strip(b"\0") and not length.strip(b"\0"):
            break
        found.append((number(offset), number(length)))
    return found


def _in_content(read_block: Callable[[], bytes], most: int) -> tuple[list[tuple[int, int]], int]:
    """Read the map that comes before the data: its length and its numbers, a line each."""
    text = b""
    taken = 0

    def next_number() -> int:
        """Read the number of the next line, and the block in which the line begins."""
        nonlocal text, taken
        while b"\n" not in text:
            if taken >= most or len(text) > _MOST_DIGITS:
                raise BadHeader("the map of a sparse file is too long")
            text += read_block()
            taken += BLOCK
        line, _, text = text.partition(b"\n")
        return _integer(line)

    count = next_number()
    pairs: list[tuple[int, int]] = []
    while len(pairs) < count:
        pairs.append((next_number(), next_number()))
    return pairs, taken


def _integer(text: bytes) -> int:
    if not _DIGITS.fullmatch(text):
        raise BadHeader("the map of a sparse file holds a line that is not a number")
    return int(text)


def _checked(size: int, pairs: list[tuple[int, int]]) -> SparseMap:
    end = 0
    for offset, length in pairs:
        if offset < end or length < 0:
            raise BadHeader("the map of a sparse file goes backwards")
        end = offset + length
    if size < end:
        raise BadHeader("the map of a sparse file goes beyond its end")
    return SparseMap(size=size, runs=tuple(pairs))
