"""Lines on stdout and stderr, and the text of digests, sizes and counts.

Text from outside goes through `show` before it reaches a terminal.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cachedb.oci.platform.model import Platform
    from cachedb.operations.gc.mark import Kept

_SHORT = len("sha256:") + 12
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_THOUSAND = 1000
_MOST = 3
_AT_ONCE = 500
_SPANS = (
    ("year", 365 * 86_400),
    ("month", 30 * 86_400),
    ("week", 7 * 86_400),
    ("day", 86_400),
    ("hour", 3_600),
    ("minute", 60),
    ("second", 1),
)


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


def digest(value: str | None) -> str:
    """Shorten a digest if stdout is a terminal; the text of None is empty."""
    if value is None:
        return ""
    return value[:_SHORT] if sys.stdout.isatty() else value


class _Zone:
    """Zone of the command line, in which times are printed."""

    chosen: tzinfo | None = None


def choose_zone(name: str | None) -> str | None:
    """Remember the value of --tz for the times of this process; the callback of the option.

    Raises:
        InvalidInput: There is no such zone.
    """
    if name is None:
        _Zone.chosen = None
    else:
        from cachedb.query.semantics.times import parse_zone

        _Zone.chosen = parse_zone(name)
    return name


def moment(value: datetime | None) -> str:
    """Format a time for a reader.

    As its distance from now if stdout is a terminal; else, and always with --tz, as `rfc3339`.
    """
    if value is None:
        return ""
    if is_relative():
        return distance(value, datetime.now(UTC))
    return rfc3339(value)


def is_relative() -> bool:
    """Return whether tables have times relative to now: on a terminal, and not with --tz."""
    return _Zone.chosen is None and sys.stdout.isatty()


def rfc3339(value: datetime) -> str:
    """Format a time as RFC 3339 in seconds, in the zone of --tz, else in UTC."""
    return in_zone(value).isoformat(timespec="seconds").replace("+00:00", "Z")


def rfc3339_of(text: str | None) -> str | None:
    """Move a time that is text to the zone of --tz; without it, and if it is no time, as it is."""
    if text is None or _Zone.chosen is None:
        return text
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return rfc3339(found) if found.tzinfo else text


def in_zone(value: datetime) -> datetime:
    """Move a time to the zone of --tz, else to UTC."""
    try:
        return value.astimezone(_Zone.chosen or UTC)
    except OverflowError:  # Go's zero time, west of Greenwich: before the year 1
        return value


def distance(value: datetime, now: datetime) -> str:
    """Return how long ago a time was, in its largest whole unit; a time to come is `in …`."""
    seconds = int((now - value).total_seconds())
    for unit, length in _SPANS:
        if abs(seconds) >= length:
            span = count(abs(seconds) // length, unit)
            return f"{span} ago" if seconds > 0 else f"in {span}"
    return "now"


def count(number: int, noun: str) -> str:
    """Format a number with its noun, singular or plural."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def words(values: Iterable[object]) -> str:
    """Join a list with commas, for one cell."""
    return ",".join("" if value is None else str(value) for value in values)


def text_of(value: object) -> str:
    """Return the text of a setting: lists joined by commas, yes or no, nothing for None."""
    if isinstance(value, (list, tuple)):
        return words(value)
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def print_stdout(line: str = "", end: str = "\n") -> None:
    """Print a line of data to stdout, unchanged; the caller has escaped it."""
    sys.stdout.write(f"{line}{end}")


def print_lines(lines: Iterable[str], end: str = "\n") -> None:
    """Print many lines as `print_stdout` does, with one write for 500 of them."""
    coming = iter(lines)
    while block := list(islice(coming, _AT_ONCE)):
        print_stdout(end.join(block), end)


def print_digests(digests: Iterable[object], end: str = "\n") -> None:
    """Print digests in full, one a line; None is no digest."""
    print_lines((str(each) for each in digests if each is not None), end)


def print_stderr(line: str) -> None:
    """Print a message to stderr, escaped."""
    sys.stderr.write(f"{show(line)}\n")


def print_shared_blobs(held: Sequence[Kept]) -> None:
    """Print which blobs of removed images stay, and which other images reference them."""
    if held:
        names = list(dict.fromkeys(each.name or "<none>" for each in held))
        more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
        what = f"{count(len(held), 'blob')} ({size(sum(each.size for each in held))})"
        print_stderr(f"{what} would stay, referenced by {', '.join(names[:_MOST])}{more}")


class PlatformTexts:
    """Texts of platforms; images that share a tuple of platforms share the texts."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Sequence[Platform], list[str]]] = {}

    def of(self, platforms: Sequence[Platform]) -> list[str]:
        """Return the text of each platform."""
        found = self._known.get(id(platforms))
        if found is None:
            # With the tuple, whose id no other one has while it is kept.
            found = self._known[id(platforms)] = platforms, [str(each) for each in platforms]
        return found[1]
