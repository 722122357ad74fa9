"""Changed elements of an image index, found by comparison with a text that was parsed before.

A tool that adds or removes a name rewrites index.json. Of ten thousand entries, only those
that are between the equal beginning and the equal end of both texts have to be parsed.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from json.decoder import WHITESPACE  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

from cachedb.oci.strict_json import decode_with_large_integers
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIST = "manifests"
_HEAD = f'{{"{_LIST}":['
_scan: Any = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


class ChangedElements(NamedTuple):
    """Elements that take the place of `removed` ones, the first of which is number `first`."""

    first: int
    removed: int
    elements: list[Any]
    """The new ones, as decoded."""
    places: list[int]
    """The places of the new text, as `places_of` returns them."""


def places_of(text: str) -> list[int]:
    """Return where the list of a valid document begins, and where each of its elements ends.

    Places are counted in characters; a document whose list is null has none. Costs a scan of the
    whole text in C.
    """
    at = _skip(text, 0) + 1
    while text[at := _skip(text, at)] != "}":
        key, at = _scan(text, at)
        at = _skip(text, _skip(text, at) + 1)  # behind the colon
        if key == _LIST:
            return [at + 1, *_ends(text, at + 1)] if text[at] == "[" else []
        _, at = _scan(text, at)
        at = _skip(text, at)
        at += text[at] == ","
    return []


def changed_elements(before: str, places: list[int], text: str) -> ChangedElements | None:
    """Return the elements of `text` that differ from those of `before`, a valid document.

    None if something else than elements differs, or `text` has to be parsed as a whole to tell
    what it is. What is returned was decoded as strictly as a whole document; all else is equal.

    Raises:
        InvalidManifest: The elements that differ are not JSON, or ambiguous.
    """
    least = min(len(before), len(text))
    first = bisect_right(places, _common_start(before, text, least)) - 1
    if first < 0:
        return None
    start = places[first]
    last = bisect_left(places, len(before) - _common_end(before, text, least - start))
    if not 0 < last < len(places):  # behind an element, the state of a parser is known
        return None
    shift = len(text) - len(before)
    # An empty object stands for the elements before, so that a comma has to follow it.
    written = f"{_HEAD}{'{}' * bool(first)}{text[start : places[last] + shift]}]}}"
    document = decode_with_large_integers(written.encode())
    if document.keys() != {_LIST}:  # the part closes the list, and opens another one
        return None
    listed = document[_LIST][bool(first) :]
    if not (first or listed):
        return None
    moved = start - len(_HEAD) - 2 * bool(first)
    ends = [place + moved for place in places_of(written)[1 + bool(first) :]]
    return ChangedElements(
        first=first,
        removed=last - first,
        elements=listed,
        places=[*places[: first + 1], *ends, *(at + shift for at in places[last + 1 :])],
    )


def _skip(text: str, at: int) -> int:
    end: int = WHITESPACE.match(text, at).end()
    return end


def _ends(text: str, at: int) -> Iterator[int]:
    at = _skip(text, at)
    while text[at] != "]":
        _, at = _scan(text, at)
        yield at
        at = _skip(text, at)
        at = _skip(text, at + (text[at] == ","))


def _common_start(one: str, other: str, most: int) -> int:
    """Return the length of the common beginning, at most `most`; compares slices in C."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_end(one: str, other: str, most: int) -> int:
    """Return the length of the common end, at most `most`."""
    low, high, a, b = 0, most, len(one), len(other)
    while low < high:
        middle = (low + high + 1) // 2
        if one[a - middle : a - low] == other[b - middle : b - low]:
            low = middle
        else:
            high = middle - 1
    return low
