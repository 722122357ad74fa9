"""Lines on stdout and stderr, and the text of digests, sizes and counts.

Text from outside goes through `show` before it reaches a terminal.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cachedb.operations.gc.mark import Kept

_SHORT = len("sha256:") + 12
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_THOUSAND = 1000
_MOST = 3


def show(text: str) -> str:
    """Escape characters that do not print, so that text from outside cannot control a terminal."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def size(value: int | None) -> str:
    """Format a number of bytes with a unit, a power of 1000 as in the query language."""
    if value is None:
        return ""
    amount = float(value)
    for unit in _UNITS:
        if amount < _THOUSAND or unit == _UNITS[-1]:
            return f"{value} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _THOUSAND
    raise AssertionError(value)


def digest(value: str) -> str:
    """Shorten a digest if stdout is a terminal."""
    return value[:_SHORT] if sys.stdout.isatty() else value


def count(number: int, noun: str) -> str:
    """Format a number with its noun, singular or plural."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def words(values: Iterable[object]) -> str:
    """Join a list with commas, for one cell."""
    return ",".join("" if value is None else str(value) for value in values)


def say(line: str = "", end: str = "\n") -> None:
    """Print a line of data to stdout, unchanged; the caller has escaped it."""
    sys.stdout.write(f"{line}{end}")


def tell(line: str) -> None:
    """Print a message to stderr, escaped."""
    sys.stderr.write(f"{show(line)}\n")


def tell_shared(held: Sequence[Kept]) -> None:
    """Print which blobs of removed images stay, and which other images reference them."""
    if held:
        names = list(dict.fromkeys(each.name or "<none>" for each in held))
        more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
        what = f"{count(len(held), 'blob')} ({size(sum(each.size for each in held))})"
        tell(f"{what} would stay, referenced by {', '.join(names[:_MOST])}{more}")
