"""Lines on stdout and stderr, and how digests, sizes and counts are written in them.

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
    """Escape what does not print, so that text from outside cannot drive a terminal."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def size(value: int | None) -> str:
    """Write bytes as people read them, in powers of 1000 as the query language does."""
    if value is None:
        return ""
    amount = float(value)
    for unit in _UNITS:
        if amount < _THOUSAND or unit == _UNITS[-1]:
            return f"{value} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _THOUSAND
    raise AssertionError(value)


def digest(value: str) -> str:
    """Shorten a digest for a terminal; whoever reads a pipe gets the whole."""
    return value[:_SHORT] if sys.stdout.isatty() else value


def count(number: int, noun: str) -> str:
    """Write how many there are."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def words(values: Iterable[object]) -> str:
    """Write a list into one cell."""
    return ",".join("" if value is None else str(value) for value in values)


def say(line: str = "", end: str = "\n") -> None:
    """Write a line of data to stdout, as it is; the caller has escaped it."""
    sys.stdout.write(f"{line}{end}")


def tell(line: str) -> None:
    """Write a line about what happens to stderr."""
    sys.stderr.write(f"{show(line)}\n")


def tell_held(held: Sequence[Kept]) -> None:
    """Say what stays of images that go, because others need it."""
    if held:
        names = list(dict.fromkeys(each.name or "<none>" for each in held))
        more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
        what = f"{count(len(held), 'blob')} ({size(sum(each.size for each in held))})"
        tell(f"of what they hold, {what} would stay, kept by {', '.join(names[:_MOST])}{more}")
