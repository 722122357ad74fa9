"""Tests of fields against the values of a query.

A list of values matches any of them. All numbers are integers, so a range includes both ends; a
range of time excludes its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from cachedb.records import Record

if TYPE_CHECKING:
    from cachedb.query.semantics.globs import Glob
    from cachedb.query.semantics.name_patterns import DigestPrefix, NamePattern


class GlobTest(Record):
    """The text matches one of the patterns."""

    patterns: tuple[Glob, ...]


class PathTest(Record):
    """The path matches one of the patterns, in which only `**` matches a slash."""

    patterns: tuple[Glob, ...]


class AffixTest(Record):
    """The text starts with, ends with or has one of the texts."""

    op: str
    """Word of the operator."""
    texts: tuple[str, ...]


class RegexTest(Record):
    """One of the regular expressions is found in the text."""

    patterns: tuple[str, ...]


class NameTest(Record):
    """The reference fits one of the patterns."""

    patterns: tuple[NamePattern, ...]


class DigestTest(Record):
    """The digest begins with one of the prefixes."""

    prefixes: tuple[DigestPrefix, ...]


class NumberRange(Record):
    """From `low` to `high`, both inside; None is no end."""

    low: int | None = None
    high: int | None = None

    def __contains__(self, number: int) -> bool:
        return (self.low is None or number >= self.low) and (
            self.high is None or number <= self.high
        )


class NumberTest(Record):
    """The number lies in one of the ranges."""

    ranges: tuple[NumberRange, ...]

    def __contains__(self, number: int) -> bool:
        return any(number in part for part in self.ranges)


class TimeRange(Record):
    """From `low` until before `high`, in microseconds; None is no end."""

    low: int | None = None
    high: int | None = None


class TimeTest(Record):
    """The time lies in one of the ranges; with `never`, or there is none."""

    ranges: tuple[TimeRange, ...]
    never: bool = False


class EnumTest(Record):
    """The word is one of these."""

    words: tuple[str, ...]


class PlatformPattern(Record):
    """A pattern for the parts of a platform; None matches anything.

    `os`, `architecture`, `variant` and `os_version` are the parts of `Platform`.
    """

    os: Glob | None = None
    architecture: Glob | None = None
    variant: Glob | None = None
    os_version: str | None = None


class PlatformTest(Record):
    """The platform fits one of the patterns."""

    patterns: tuple[PlatformPattern, ...]


class VersionRange(Record):
    """Between two versions in the order of each row's scheme; None is no end.

    `low` and `high` are the ends; `with_low` and `with_high` are true for an end that is inside.
    """

    low: str | None = None
    high: str | None = None
    with_low: bool = True
    with_high: bool = True


class VersionTest(Record):
    """The version lies in one of the ranges or matches one of the patterns."""

    ranges: tuple[VersionRange, ...] = ()
    patterns: tuple[Glob, ...] = ()


ValueTest: TypeAlias = (
    GlobTest
    | PathTest
    | AffixTest
    | RegexTest
    | NameTest
    | DigestTest
    | NumberTest
    | TimeTest
    | EnumTest
    | PlatformTest
    | VersionTest
)
