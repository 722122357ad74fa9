"""Tests as conditions on a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, or_, select

from cachedb.catalog.enums import Kind, Role, State
from cachedb.catalog.schema import platform
from cachedb.packages import versions
from cachedb.query.semantics.globs import Glob, Wildcard
from cachedb.query.semantics.values import (
    AffixTest,
    DigestTest,
    EnumTest,
    GlobTest,
    NumberRange,
    NumberTest,
    PlatformPattern,
    PlatformTest,
    RegexTest,
    TimeRange,
    TimeTest,
    ValueTest,
    VersionRange,
    VersionTest,
)
from cachedb.query.sql import dialect

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause, Select

    from cachedb.query.semantics.name_patterns import NamePattern
    from cachedb.query.vocabulary import Field

_NUMBERED: Final = {"kind": Kind, "state": State, "role": Role}
# From so many on, references that leave nothing open are looked up in one list.
_MANY_NAMES: Final = 16


def holds(column: ColumnElement[Any], test: ValueTest, field: Field) -> ColumnElement[bool]:
    """Say that the value in `column` passes `test`; unknown where there is no value."""
    match test:
        case GlobTest():
            return dialect.globbed_any(column, test.patterns)
        case AffixTest():
            return dialect.any_of(_affixed(column, test.op, text) for text in test.texts)
        case RegexTest():
            return dialect.any_of(column.regexp_match(pattern) for pattern in test.patterns)
        case DigestTest():
            return _digests(column, test)
        case NumberTest():
            return numbers(column, test)
        case TimeTest():
            return _times(column, test)
        case EnumTest():
            return dialect.any_of(dialect.one_of(column, numbered(field, test.words)))
        case _:
            raise AssertionError(test)


def numbered(field: Field, words: tuple[str, ...]) -> tuple[str | int, ...]:
    """Return what stands for words of an enumeration in the tables."""
    kind = _NUMBERED.get(field.name)
    return words if kind is None else tuple(int(kind[word.upper()]) for word in words)


def numbers(column: ColumnElement[Any], test: NumberTest) -> ColumnElement[bool]:
    """Say that a number lies in one of the ranges."""
    points = [part.low for part in test.ranges if part.low == part.high and part.low is not None]
    ranges = [part for part in test.ranges if part.low != part.high]
    parts = [*dialect.one_of(column, points), *(_between(column, part) for part in ranges)]
    return dialect.any_of(parts)


def of_platforms(test: PlatformTest) -> Select[int]:
    """Select the ids of the platforms that fit one of the patterns."""
    fitting = dialect.any_of(_platform(pattern) for pattern in test.patterns)
    return select(platform.c.id).where(fitting)


def versions_hold(table: FromClause, test: VersionTest) -> ColumnElement[bool]:
    """Say that the version of a row of `package` passes the test, in the order of its scheme."""
    parts = [_version(table, part) for part in test.ranges]
    if test.patterns:
        parts.append(dialect.globbed_any(table.c.version, test.patterns))
    return dialect.any_of(parts)


def names_hold(
    table: FromClause, patterns: tuple[NamePattern, ...], by_digest: Any
) -> ColumnElement[bool]:
    """Say that the name of a row of `ref` fits one of the patterns.

    `by_digest` makes the condition for the digest behind an `@`.
    """
    plain = [pattern for pattern in patterns if pattern.plain is not None]
    if len(plain) <= _MANY_NAMES:
        return dialect.any_of(_name(table, pattern, by_digest) for pattern in patterns)
    whole = table.c.registry + "/" + table.c.repo + ":" + table.c.tag
    listed = [
        whole.in_([pattern.plain for pattern in plain]),
        and_(table.c.repo.is_(None), table.c.name.in_([pattern.text for pattern in plain])),
    ]
    others = [pattern for pattern in patterns if pattern.plain is None]
    return dialect.any_of([*listed, *(_name(table, pattern, by_digest) for pattern in others)])


# -- texts ---------------------------------------------------------------------------------


def _affixed(column: ColumnElement[Any], op: str, text: str) -> ColumnElement[bool]:
    if op == "starts":
        return dialect.begins(column, text)
    if not text:
        return column.is_not(None)
    return (
        dialect.ends(column, Glob.of(text)) if op == "ends" else dialect.has(column, Glob.of(text))
    )


def _digests(column: ColumnElement[Any], test: DigestTest) -> ColumnElement[bool]:
    whole = [prefix.whole for prefix in test.prefixes if prefix.whole is not None]
    begun = [
        dialect.begins(column, text)
        for prefix in test.prefixes
        if prefix.whole is None
        for text in prefix.prefixes
    ]
    return dialect.any_of([*dialect.one_of(column, whole), *begun])


# -- names ---------------------------------------------------------------------------------


def _name(table: FromClause, pattern: NamePattern, by_digest: Any) -> ColumnElement[bool]:
    parts = [_path(table.c.repo, pattern)]
    if pattern.registry is not None:
        parts.append(dialect.globbed(table.c.registry, pattern.registry))
    if pattern.tag is not None:
        parts.append(dialect.globbed(table.c.tag, pattern.tag))
    if pattern.digest is not None:
        parts.append(by_digest(pattern.digest))
    # A name that is no reference, often only a tag, has no parts to compare with.
    without_parts = and_(table.c.repo.is_(None), _component_wise(table.c.name, pattern.whole))
    return or_(and_(*parts), without_parts)


def _path(repo: ColumnElement[Any], pattern: NamePattern) -> ColumnElement[bool]:
    if pattern.registry is not None:
        return _component_wise(repo, pattern.path)
    behind_slash = dialect.ends(repo, pattern.path, before="*/")
    found = or_(dialect.globbed(repo, pattern.path), behind_slash)
    if not _stops_at_slash(pattern.path):
        return found
    return and_(found, repo.regexp_match(f"(?:^|/){pattern.path.regex('/')}$"))


def _component_wise(column: ColumnElement[Any], pattern: Glob) -> ColumnElement[bool]:
    found = dialect.globbed(column, pattern)
    if not _stops_at_slash(pattern):
        return found
    return and_(found, column.regexp_match(f"^{pattern.regex('/')}$"))


def _stops_at_slash(pattern: Glob) -> bool:
    """Whether GLOB, for which `/` is a character like any other, would find too much."""
    return any(
        not isinstance(token, str) and token is not Wildcard.DEEP for token in pattern.tokens
    )


# -- ranges --------------------------------------------------------------------------------


def _between(column: ColumnElement[Any], part: NumberRange) -> ColumnElement[bool]:
    if part.low is None:
        return column.is_not(None) if part.high is None else column <= part.high
    # BETWEEN computes the column once, which counts where it is a walk of the graph.
    return column >= part.low if part.high is None else column.between(part.low, part.high)


def _times(column: ColumnElement[Any], test: TimeTest) -> ColumnElement[bool]:
    parts = [_within(column, part) for part in test.ranges]
    return dialect.any_of([*parts, column.is_(None)] if test.never else parts)


def _within(column: ColumnElement[Any], part: TimeRange) -> ColumnElement[bool]:
    ends = []
    if part.low is not None:
        ends.append(column >= part.low)
    if part.high is not None:
        ends.append(column < part.high)
    return and_(*ends)


# -- platforms and versions ----------------------------------------------------------------


def _platform(pattern: PlatformPattern) -> ColumnElement[bool]:
    wanted = (
        (platform.c.os, pattern.os),
        (platform.c.architecture, pattern.architecture),
        (platform.c.variant, pattern.variant),
    )
    parts = [dialect.globbed(column, glob) for column, glob in wanted if glob is not None]
    if pattern.os_version is not None:
        parts.append(platform.c.os_version == pattern.os_version)
    return and_(*parts)


def _version(table: FromClause, part: VersionRange) -> ColumnElement[bool]:
    is_one = part.low is not None and part.low == part.high
    # A version without an order is equal to another one or not, and never in a range.
    schemes = (*versions.SCHEMES, versions.UNORDERED) if is_one else versions.SCHEMES
    return or_(*(_version_of(table, scheme, part) for scheme in schemes))


def _version_of(table: FromClause, scheme: str, part: VersionRange) -> ColumnElement[bool]:
    key = dialect.in_code_points(table.c.vkey)
    low = None if part.low is None else versions.key(scheme, part.low)
    high = None if part.high is None else versions.key(scheme, part.high)
    parts = [table.c.scheme == scheme]
    if low is not None and low == high:
        parts.append(key == low)
    else:
        if low is not None:
            parts.append(key >= low if part.with_low else key > low)
        if high is not None:
            parts.append(key <= high if part.with_high else key < high)
    return and_(*parts)
