"""Values of options: durations, percentages and numbers of rows."""

from __future__ import annotations

from cachedb.errors import InvalidInput
from cachedb.patterns import lazy

_DURATION = lazy(r"(\d+)(s|min|h|d|w)?")
_PERCENT = lazy(r"(\d{1,3})%")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


def fraction(text: str) -> float:
    """Parse a percentage such as ``20%``; return it as a fraction of 1."""
    matched = _PERCENT.fullmatch(text)
    if matched is None or int(matched[1]) > 100:  # noqa: PLR2004
        raise InvalidInput(f"invalid percentage {text!r}", hint="write 20%")
    return int(matched[1]) / 100


def seconds(text: str) -> float:
    """Parse a duration (``90s``, ``30min``, ``1h``, ``2d``, ``1w``, or 0) into seconds."""
    matched = _DURATION.fullmatch(text)
    if matched is None or (matched[2] is None and matched[1] != "0"):
        raise InvalidInput(f"invalid duration {text!r}", hint="write 90s, 30min, 1h, 2d or 1w")
    return float(int(matched[1]) * _SECONDS[matched[2] or "s"])


def number(text: str) -> int:
    """Parse a number of rows, 1 or more."""
    if not text.isascii() or not text.isdecimal() or int(text) == 0:
        raise InvalidInput(f"invalid number {text!r}", hint="write 20")
    return int(text)
