"""Sort keys of Maven versions: the order of ComparableVersion of Maven 4.

The rules are those of the Maven POM reference, "Version Order Specification". A version is a list
of numbers, qualifiers (``snapshot``) and qualifiers with a number (``rc1``); a hyphen, or a change
from digits to letters, begins a sublist, which is the last item of the list that it is in.
"""

from __future__ import annotations

from typing import NamedTuple

from cachedb.packages.version_orders.encoding import number
from cachedb.patterns import lazy

_TEXT = lazy(r"[!-~]+")
_RANKS = {
    name: str(rank)
    for rank, names in enumerate(
        ("alpha", "beta", "milestone", "rc cr", "snapshot", "ga final release", "sp")
    )
    for name in names.split()
}
_RELEASE = _RANKS["release"]
_UNKNOWN = "7"  # any other qualifier, by name
_NAME_END = " "  # before every character of a name
_SHORT = {"a": "alpha", "b": "beta", "m": "milestone"}

# The items that may stand at one place, in the order of Maven. A sublist that sorts before the end
# begins with zeros, which are ignored, and has a qualifier of a pre-release behind them.
_QUALIFIER_BEFORE, _SUBLIST_BEFORE, _END = "1", "2", "3"
_QUALIFIER_AFTER, _SUBLIST_AFTER, _NUMBER = "4", "5", "6"
# A qualifier in the list itself equals a sublist that begins with it, until the rest of the
# sublist is compared with nothing: 1-foo-alpha < 1.foo.2 < 1-foo.1.
_REST_BEFORE, _REST_AFTER = "0", "7"


class _Item(NamedTuple):
    """A number if `name` is '', a qualifier if `digits` is '', or a qualifier with a number.

    A qualifier may be the first item of a sublist.
    """

    name: str
    digits: str
    is_first_in_sublist: bool = False

    @property
    def is_zero(self) -> bool:
        return not self.name and not self.digits.strip("0")

    @property
    def rank(self) -> str:
        return _RANKS.get(self.name) or _UNKNOWN + self.name + _NAME_END


_SUBLIST = _Item("-", "")
"""The step into a sublist; no qualifier has that name."""


def maven(version: str) -> str | None:
    """Return the sort key of a version of a Maven artifact, if it is of printable ASCII."""
    if not _TEXT.fullmatch(version):
        return None
    items = _flattened(_levels(version.lower()))
    found = []
    signs = [*_signs(items), 0]
    for item, sign, rest in zip(items, signs, signs[1:], strict=False):
        if not sign:
            break
        found.append(_encoded(item, sign))
        if item.is_first_in_sublist and rest:
            found.append(_REST_BEFORE if rest < 0 else _REST_AFTER)
    return "".join(found) + _END


def _encoded(item: _Item, sign: int) -> str:
    if item == _SUBLIST:
        return _SUBLIST_BEFORE if sign < 0 else _SUBLIST_AFTER
    if item.name:
        place = _QUALIFIER_BEFORE if sign < 0 else _QUALIFIER_AFTER
        return place + item.rank + ("b" + number(item.digits) if item.digits else "a")
    return _SUBLIST_BEFORE if sign < 0 else _NUMBER + number(item.digits)


def _signs(items: list[_Item]) -> list[int]:
    """Compare the rest from each item on with the end of a version: -1, 0 or 1."""
    found: list[int] = []
    sign = 0
    for item in reversed(items):
        if item.name and item != _SUBLIST:
            rank = item.rank
            sign = (rank > _RELEASE) - (rank < _RELEASE) or (1 if item.digits else sign)
        elif item != _SUBLIST and not item.is_zero:
            sign = 1
        found.append(sign)
    return found[::-1]


def _flattened(levels: list[list[_Item]]) -> list[_Item]:
    """Drop the zeros that do not count, and join each list with the sublist that ends it."""
    reverse: list[_Item] = []  # of the list below
    for level in reversed(levels):
        is_text_next = bool(reverse and reverse[-1].name and reverse[-1] != _SUBLIST)
        if reverse and not is_text_next and reverse[-1] != _SUBLIST:
            reverse.append(_SUBLIST)
        start = len(reverse)
        for item in reversed(level):
            if not item.is_zero or (reverse and not is_text_next):
                if len(reverse) == start and is_text_next:
                    reverse[-1] = reverse[-1]._replace(is_first_in_sublist=True)
                reverse.append(item)
                is_text_next = bool(item.name)
    return reverse[::-1]


class _Reader:
    """Splitter of a version into items, level by level, as ComparableVersion does."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._start = 0
        self._is_number = False
        self._is_combined = False
        self.levels: list[list[_Item]] = [[]]

    def read(self) -> None:
        """Split the text into items and levels, as ComparableVersion.parseVersion does."""
        for position, character in enumerate(self._text):
            if character == ".":
                self._end_item(position)
                self._start = position + 1
            elif character == "-":
                self._hyphen(position)
            elif character in "0123456789":
                if not self._is_number and position > self._start:
                    self._is_combined = True
                    self._descend()
                self._is_number = True
            else:
                if self._is_number and position > self._start:
                    self._end_item(position)
                    self._start = position
                    self.levels.append([])
                self._is_number = False
        if self._start < len(self._text):
            if not self._is_number:
                self._descend()
            self._end_item(len(self._text))

    def _hyphen(self, position: int) -> None:
        following = self._text[position + 1 : position + 2]
        if position > self._start and not self._is_number and following.isdecimal():
            self._is_combined = True  # rc-1 is rc1
            return
        self._end_item(position)
        self._start = position + 1
        self._descend()

    def _descend(self) -> None:
        if self.levels[-1]:
            self.levels.append([])

    def _end_item(self, position: int) -> None:
        text = self._text[self._start : position]
        if not text:
            item = _Item("", "0")
        elif self._is_combined:
            item = _combined(text.replace("-", ""))
        elif self._is_number:
            item = _Item("", text)
        else:
            item = _Item(text, "")
        self.levels[-1].append(item)
        self._is_combined = False


def _levels(text: str) -> list[list[_Item]]:
    reader = _Reader(text)
    reader.read()
    return reader.levels


def _combined(text: str) -> _Item:
    name = text.rstrip("0123456789")
    digits = text[len(name) :].lstrip("0")
    name = _SHORT.get(name, name)
    # final0 is final, which is the release itself; rc0 sorts after rc.
    return _Item(name, digits or ("" if _RANKS.get(name) == _RELEASE else "0"))
