"""Fitting of tables to the width of a terminal: widths of cells, and shortened texts."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = 2
"""Blanks between two columns of a table."""
LEAST = 12
"""Width below which no column is narrowed."""
_USUAL = 80
_ELLIPSIS = "…"
_WIDE = frozenset("WF")


def terminal_width() -> int | None:
    """Return the number of cells in a line if stdout is a terminal, else None.

    COLUMNS wins over the size of the terminal; 80 if both are unknown.
    """
    if not sys.stdout.isatty():
        return None
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or _USUAL
    except (OSError, ValueError):
        return _USUAL


def cells(text: str) -> int:
    """Count the cells that printable text takes on a terminal; East Asian wide characters take 2.

    Follows Unicode Standard Annex #11; combining characters take none.
    """
    if text.isascii():
        return len(text)
    return sum(map(_cells_of, text))


def widest(texts: Sequence[str]) -> int:
    """Return the cells of the text that takes the most; 0 if there is none."""
    # Most columns are pure ASCII, which one test detects.
    measure = len if "".join(texts).isascii() else cells
    return max(map(measure, texts), default=0)


def _cells_of(character: str) -> int:
    import unicodedata

    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def middle(text: str, width: int) -> str:
    """Shorten text to `width` cells: its start and its end stay, an ellipsis stands between."""
    if cells(text) <= width:
        return text
    end = _prefix(text[::-1], (width - 1) // 2)[::-1]
    return f"{_prefix(text, width - 1 - cells(end))}{_ELLIPSIS}{end}"


def end(text: str, width: int) -> str:
    """Elide the end of a text, as of a command line."""
    return text if cells(text) <= width else f"{_prefix(text, width - 1)}…"


def items(text: str, width: int) -> str:
    """Shorten a list with commas to `width` cells: its first items stay, the others are counted.

    A list whose first item alone is too long is shortened in the middle.
    """
    if cells(text) <= width:
        return text
    found = text.split(",")
    for kept in range(len(found) - 1, 0, -1):
        shorter = f"{','.join(found[:kept])},+{len(found) - kept}"
        if cells(shorter) <= width:
            return shorter
    return middle(text, width)


def whole(text: str, width: int) -> str:  # noqa: ARG001  (as the others are called)
    """Return a text unchanged: a sentence without its middle is useless."""
    return text


def wrapped(text: str, width: int) -> list[str]:
    """Break a sentence into lines of at most `width` cells, at blanks where it has some."""
    from textwrap import wrap

    return wrap(text, width) or [""]


def row_width(widths: Sequence[int]) -> int:
    """Return the cells of a row whose columns have these widths."""
    return sum(widths) + GAP * (len(widths) - 1)


def narrowed(widths: Sequence[int], least: Sequence[int], available: int) -> list[int]:
    """Return the widths of columns so that a row fits; the widest columns are narrowed first.

    No column becomes narrower than its width in `least`.
    """
    found = list(widths)
    excess = row_width(widths) - available
    while excess > 0:
        free = [place for place, width in enumerate(found) if width > least[place]]
        if not free:
            break
        widest = max(found[place] for place in free)
        level = [place for place in free if found[place] == widest]
        below = max((found[place] for place in free if found[place] < widest), default=0)
        floor = max(below, *(least[place] for place in level))
        step = min(widest - floor, -(-excess // len(level)))
        for place in level:
            found[place] -= step
        excess -= step * len(level)
    return found


def _prefix(text: str, width: int) -> str:
    """Return the longest start of `text` of at most `width` cells."""
    if text.isascii():
        return text[:width]
    taken = 0
    for place, character in enumerate(text):
        taken += _cells_of(character)
        if taken > width:
            return text[:place]
    return text
