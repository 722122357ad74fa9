r"""Globs: `*` any run, `?` one character, `[a-z]` and `[!a-z]` a class, `\` escapes.

A glob is anchored at both ends and tells upper from lower case; without wildcards it is
equality. In the name of a repository, where `/` separates, `*` and `?` stay inside of one
component and
`**` does not; elsewhere `/` is a character like any other.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final

from cachedb.patterns import lazy
from cachedb.query.messages import error_at
from cachedb.query.syntax import quoting
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachedb.query.syntax.tree import Span

_LONGEST: Final = 4_096
_SPECIAL_IN_REGEX: Final = lazy(r"[.^$*+?{}\[\]\\|()]")


class Wildcard(Enum):
    """A wildcard that is not a class."""

    ONE = "?"
    RUN = "*"
    DEEP = "**"


class CharacterClass(Record):
    """One of some characters, or one that is none of them; pairs are first and last."""

    ranges: tuple[tuple[str, str], ...]
    """First and last character of each range, both inside."""
    negated: bool = False
    """Whether the class matches the other characters."""


class Glob(Record):
    """A pattern; `tokens` are characters and wildcards."""

    tokens: tuple[str | Wildcard | CharacterClass, ...]

    def __str__(self) -> str:
        return "".join(map(_in_glob, self.tokens))

    @property
    def literal(self) -> str | None:
        """The only text that matches; None if there are wildcards."""
        return _literal(self.tokens)

    @property
    def prefix(self) -> str | None:
        """The text before a single trailing `*`, as in `v1.*`; None for other patterns."""
        if self.tokens and self.tokens[-1] in {Wildcard.RUN, Wildcard.DEEP}:
            return _literal(self.tokens[:-1])
        return None

    @property
    def glob(self) -> str:
        """The pattern in the syntax of SQLite's GLOB."""
        return "".join(map(_in_sqlite, self.tokens))

    def regex(self, separator: str = "") -> str:
        """Return the regular expression, not anchored; single wildcards stop at `separator`."""
        one = f"[^{separator}]" if separator else "."
        return "".join(_in_regex(token, one, separator) for token in self.tokens)

    @classmethod
    def of(cls, text: str) -> Glob:
        """Return the pattern that matches `text` alone."""
        return cls(tokens=tuple(text))


def parse(text: str, span: Span) -> Glob:
    """Read a pattern.

    Raises:
        QueryError: A class is not closed, or is empty, or the pattern is very long.
    """
    if len(text) > _LONGEST:
        raise error_at(span, f"a pattern has at most {_LONGEST} characters")
    tokens: list[str | Wildcard | CharacterClass] = []
    position = 0
    while position < len(text):
        char = text[position]
        if char == "\\":
            if position + 1 == len(text):
                raise error_at(span, "`\\` at the end escapes nothing", "write `\\\\` for one")
            tokens.append(text[position + 1])
            position += 2
        elif char == "[":
            found, position = _class(text, position + 1, span)
            tokens.append(found)
        elif char == "*":
            run = re.compile(r"\*+").match(text, position)
            assert run is not None
            tokens.append(Wildcard.RUN if len(run[0]) == 1 else Wildcard.DEEP)
            position = run.end()
        else:
            tokens.append(Wildcard.ONE if char == "?" else char)
            position += 1
    return Glob(tokens=tuple(tokens))


def plain(text: str) -> str:
    """Return the text without its backslashes, wildcards being characters."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _class(text: str, position: int, span: Span) -> tuple[CharacterClass, int]:
    negated = text[position : position + 1] in {"!", "^"}
    position += negated
    members: list[str] = []
    ranges: list[tuple[str, str]] = []
    while True:
        char = text[position : position + 1]
        if not char:
            raise error_at(span, "unclosed `[`", "write `\\[` for the character")
        if char == "]" and (members or ranges):
            break
        if char == "\\" and position + 1 < len(text):
            position += 1
            char = text[position]
        position += 1
        if text[position : position + 1] == "-" and text[position + 1 : position + 2] not in {
            "",
            "]",
        }:
            last = text[position + 1]
            position += 2
            if {char, last} & set("]^-\\"):
                raise error_at(span, f"`{char}-{last}` is not a range", "list the characters")
            if last < char:
                raise error_at(
                    span, f"`{char}-{last}` is a reversed range", f"write {last}-{char}"
                )
            ranges.append((char, last))
        else:
            members.append(char)
    singles = [(char, char) for char in members]
    return CharacterClass(ranges=(*singles, *ranges), negated=negated), position + 1


def _literal(tokens: Iterable[str | Wildcard | CharacterClass]) -> str | None:
    chars = [token if isinstance(token, str) else None for token in tokens]
    return None if None in chars else "".join(char for char in chars if char)


def _in_glob(part: str | Wildcard | CharacterClass) -> str:
    if isinstance(part, str):
        return quoting.escape(part)
    if isinstance(part, Wildcard):
        return part.value
    return f"[{'!' if part.negated else ''}{_members(part)}]"


def _in_sqlite(part: str | Wildcard | CharacterClass) -> str:
    if isinstance(part, str):
        return re.sub(r"[*?\[]", r"[\g<0>]", part)
    if isinstance(part, Wildcard):
        return "?" if part is Wildcard.ONE else "*"
    # GLOB has no escapes: `]` has to be the first, `^` not the first, and `-` at either end.
    singles = {first for first, last in part.ranges if first == last}
    ranges = "".join(f"{first}-{last}" for first, last in part.ranges if first != last)
    parts = ("]" * ("]" in singles), "".join(sorted(singles - set("]^-"))), ranges)
    carets, dashes = "^" * ("^" in singles), "-" * ("-" in singles)
    body = "".join(parts)
    if part.negated or body:
        return f"[{'^' if part.negated else ''}{body}{carets}{dashes}]"
    return f"[{dashes}{carets}]" if dashes else carets


def _in_regex(token: str | Wildcard | CharacterClass, one: str, separator: str) -> str:
    match token:
        case str():
            return literal_regex(token)
        case Wildcard.ONE:
            return one
        case Wildcard.RUN:
            return f"{one}*"
        case Wildcard.DEEP:
            return ".*"
        case CharacterClass():
            body = "".join(
                _in_class(first) if first == last else f"{_in_class(first)}-{_in_class(last)}"
                for first, last in token.ranges
            )
            return f"[^{body}{separator}]" if token.negated else f"[{body}]"
    raise AssertionError(token)


def literal_regex(text: str) -> str:
    """Escape the metacharacters of regular expressions."""
    return _SPECIAL_IN_REGEX.sub(r"\\\g<0>", text)


def _members(token: CharacterClass) -> str:
    return "".join(first if first == last else f"{first}-{last}" for first, last in token.ranges)


def _in_class(char: str) -> str:
    return f"\\{char}" if char in "\\]^-[" else char
