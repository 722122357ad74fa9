"""Nearest of known values to a mistyped one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_ONE_EDIT: Final = 4
_TWO_EDITS: Final = 8
_LONGEST: Final = 255


def nearest_value(text: str, known: Iterable[str]) -> str | None:
    """Return the value that `text` most likely misspells; None without one.

    An edit inserts, deletes or replaces a character, or swaps two neighbours. Texts of at least 8
    characters may have two edits, of at least 4 one, and shorter ones are swaps only. Different
    digits mean another version, and another first letter another word, except for a swap: neither
    is a misspelling. Costs the square of the length for each value of about that length.

    Example:
        >>> nearest_value("amr64", ["amd64", "arm64"])
        'arm64'
        >>> nearest_value("1.25.3", ["1.25.4"]) is None
        True
    """
    folded = text.casefold()
    most = 2 if len(folded) >= _TWO_EDITS else 1
    digits, letters = _digits(folded), sorted(folded)
    found: list[tuple[int, bool, str]] = []
    for value in known:
        other = value.casefold()
        if abs(len(other) - len(folded)) > most or len(other) > _LONGEST:
            continue
        is_swap = sorted(other) == letters
        is_alike = len(folded) >= _ONE_EDIT and other[:1] == folded[:1]
        if not (is_swap or is_alike) or _digits(other) != digits:
            continue
        edits = _edits(folded, other)
        if edits <= most:
            found.append((edits, not is_swap, value))
    return min(found)[2] if found else None


def _digits(text: str) -> list[str]:
    return [char for char in text if char.isdigit()]


def _edits(one: str, other: str) -> int:
    """Count the edits between two texts (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, char in enumerate(one, 1):
        beyond, before, row = before, row, [i]
        for j, second in enumerate(other, 1):
            edits = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (char != second))
            if i > 1 and j > 1 and char == other[j - 2] and one[i - 2] == second:
                edits = min(edits, beyond[j - 2] + 1)
            row.append(edits)
    return row[-1]
