"""Tests: what the values of a query ask of a field, once they are read.

A list of values means any of them. All numbers are whole, so a range has both ends inside of it;
a range of time ends before its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from cachedb.query.semantics.globs import Glob
    from cachedb.query.semantics.name_patterns import DigestPrefix, NamePattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The text matches one of the patterns."""

    patterns: tuple[Glob, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Affixes:
    """The text starts with, ends with or has one of the texts."""

    op: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regexes:
    """One of the regular expressions is found in the text."""

    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The reference fits one of the patterns."""

    patterns: tuple[NamePattern, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """The digest begins as one of these does."""

    prefixes: tuple[DigestPrefix, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRange:
    """From `low` to `high`, both inside; None is no end."""

    low: int | None = None
    high: int | None = None

    def __contains__(self, number: int) -> bool:
        return (self.low is None or number >= self.low) and (
            self.high is None or number <= self.high
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The number lies in one of the ranges."""

    ranges: tuple[NumberRange, ...]

    def __contains__(self, number: int) -> bool:
        return any(number in part for part in self.ranges)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """From `low` until before `high`, in microseconds; None is no end."""

    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """The time lies in one of the ranges; with `never`, or there is none."""

    ranges: tuple[TimeRange, ...]
    never: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The word is one of these."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformPattern:
    """What a platform has to be; None asks for nothing."""

    os: Glob | None = None
    architecture: Glob | None = None
    variant: Glob | None = None
    os_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Platforms:
    """The platform fits one of the patterns."""

    patterns: tuple[PlatformPattern, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRange:
    """Between two versions in the order of each row's scheme; None is no end."""

    low: str | None = None
    high: str | None = None
    with_low: bool = True
    with_high: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """The version lies in one of the ranges or matches one of the patterns."""

    ranges: tuple[VersionRange, ...] = ()
    patterns: tuple[Glob, ...] = ()


Test: TypeAlias = (
    Texts | Affixes | Regexes | Names | Digests | Numbers | Times | Words | Platforms | Versions
)
