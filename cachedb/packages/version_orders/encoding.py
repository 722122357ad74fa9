"""Building blocks of sort keys: texts that sort by code point as the encoded values do.

Each block is prefix-free among its kind, so that comparing concatenated blocks compares them block
by block.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

END = "!"
"""Terminator of a run of letters and digits; sorts before all of them."""
LOWEST = "!"
"""An absent part that sorts before every present part."""
HIGHEST = "~"
"""An absent part that sorts after every present part."""

_LENGTHS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def number(digits: str) -> str:
    """Encode a natural number of any length: the count of its digits, then the digits.

    Leading zeros do not count, and '' is zero.
    """
    digits = digits.lstrip("0")
    if len(digits) < len(_LENGTHS) - 1:
        return _LENGTHS[len(digits)] + digits
    return _LENGTHS[-1] + number(str(len(digits))) + digits


def numbers(components: Iterable[str]) -> str:
    """Encode a list of numbers in which trailing zeros do not count: ``1.0`` equals ``1``."""
    found = list(components)
    while found and not found[-1].strip("0"):
        found.pop()
    return "".join("n" + number(component) for component in found) + END


def identifiers(parts: Iterable[str], *, numeric: str, textual: str) -> str:
    """Encode a list of identifiers; a list sorts before the longer ones that begin with it.

    `numeric` and `textual` are the marks of the two sorts of identifiers: the lesser mark sorts
    first.
    """
    encoded = (
        numeric + number(part) if part.isdecimal() else textual + part + END for part in parts
    )
    return "".join(encoded) + END


def natural(text: str) -> str:
    """Encode any text in natural order: numbers by value, other characters by code point."""
    # Lone surrogates do not encode, NUL ends a text in some of SQLite's functions, and the end
    # of a run has to be less than every character in it.
    clean = text.encode("utf-8", "backslashreplace").decode().translate(_ESCAPES)
    runs = re.findall(r"([^0-9]*)([0-9]*)", clean)
    return "".join(f"{other}\x01{number(digits)}" for other, digits in runs)


_ESCAPES = {code: "\x02" + chr(code + 0x10) for code in range(3)}
