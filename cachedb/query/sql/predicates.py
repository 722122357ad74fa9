"""Tests of values as conditions on columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, or_, select

from cachedb.catalog.schema import platform
from cachedb.packages import versions
from cachedb.query.semantics.slots import (
    AffixSlots,
    DigestSlots,
    EnumSlots,
    GlobSlots,
    NumberSlots,
    PathSlots,
    RegexSlots,
    TimeSlots,
    version_part,
)
from cachedb.query.sql import dialect
from cachedb.query.sql.dialect import parameter

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement, FromClause, Select

    from cachedb.query.semantics.slots import (
        GlobSlot,
        NamePatternSlots,
        NameSlots,
        PlatformPatternSlots,
        PlatformSlots,
        RangeSlots,
        TestSlots,
        TextSlot,
        VersionRangeSlots,
        VersionSlots,
    )

_AFFIXES: Final = {
    "ends": ("glob_at_end", "regex_at_end"),
    "has": ("glob_inside", "regex_inside"),
}


def holds(column: ColumnElement[Any], test: TestSlots) -> ColumnElement[bool]:
    """Test the value in a column; the condition is unknown where the value is NULL."""
    match test:
        case GlobSlots():
            return dialect.globbed_any(column, test)
        case PathSlots():
            found = (_component_wise(column, pattern) for pattern in test.patterns)
            return dialect.any_of([*dialect.among(column, test.plain), *found])
        case AffixSlots():
            return dialect.any_of(_affixed(column, test.op, text) for text in test.texts)
        case RegexSlots():
            patterns = map(parameter, test.patterns)
            return dialect.any_of(column.regexp_match(pattern) for pattern in patterns)
        case DigestSlots():
            begun = (dialect.begins(column, text) for text in test.begun)
            return dialect.any_of([*dialect.among(column, test.whole), *begun])
        case NumberSlots():
            return numbers(column, test)
        case TimeSlots():
            return _times(column, test)
        case EnumSlots():
            return dialect.any_of(dialect.among(column, test.words, test.part))
        case _:
            raise AssertionError(test)


def numbers(column: ColumnElement[Any], test: NumberSlots) -> ColumnElement[bool]:
    """Test whether a number is one of the points or inside one of the ranges."""
    ranges = (_between(column, part) for part in test.ranges)
    return dialect.any_of([*dialect.among(column, test.points), *ranges])


def of_platforms(test: PlatformSlots) -> Select[int]:
    """Select the ids of the platforms that match one of the patterns."""
    fitting = dialect.any_of(_platform(pattern) for pattern in test.patterns)
    return select(platform.c.id).where(fitting)


def versions_hold(table: FromClause, test: VersionSlots) -> ColumnElement[bool]:
    """Test the version of a row of `package`, in the order of the scheme of that row."""
    parts = [_version(table, part) for part in test.ranges]
    if test.globs.plain is not None or test.globs.patterns:
        parts.append(dialect.globbed_any(table.c.version, test.globs))
    return dialect.any_of(parts)


def names_hold(
    table: FromClause,
    test: NameSlots,
    by_digest: Callable[[DigestSlots], ColumnElement[bool]],
) -> ColumnElement[bool]:
    """Test the name of a row of `ref`; `by_digest` tests the digest behind an `@`."""
    patterns = [_name(table, pattern, by_digest) for pattern in test.patterns]
    if test.canonical is None:
        return dialect.any_of(patterns)
    whole = table.c.registry + "/" + table.c.repo + ":" + table.c.tag
    as_written = and_(table.c.repo.is_(None), *dialect.among(table.c.name, test.written))
    return dialect.any_of([*dialect.among(whole, test.canonical), as_written, *patterns])


# -- texts ---------------------------------------------------------------------------------


def _affixed(column: ColumnElement[Any], op: str, text: TextSlot) -> ColumnElement[bool]:
    if op == "starts":
        return dialect.begins(column, text)
    if text.is_empty:
        return column.is_not(None)
    return dialect.matches(column, text, *_AFFIXES[op])


# -- names ---------------------------------------------------------------------------------


def _name(
    table: FromClause,
    pattern: NamePatternSlots,
    by_digest: Callable[[DigestSlots], ColumnElement[bool]],
) -> ColumnElement[bool]:
    parts = [_path(table.c.repo, pattern)]
    if pattern.registry is not None:
        parts.append(dialect.globbed(table.c.registry, pattern.registry))
    if pattern.tag is not None:
        parts.append(dialect.globbed(table.c.tag, pattern.tag))
    if pattern.digest is not None:
        parts.append(by_digest(pattern.digest))
    # A name that is not a reference, often a bare tag, has no registry, repository and tag.
    without_parts = and_(table.c.repo.is_(None), _component_wise(table.c.name, pattern.whole))
    return or_(and_(*parts), without_parts)


def _path(repo: ColumnElement[Any], pattern: NamePatternSlots) -> ColumnElement[bool]:
    path = pattern.path
    if pattern.registry is not None:
        return _component_wise(repo, path)
    behind_slash = dialect.matches(repo, path, "glob_behind_slash", "regex_behind_slash")
    found = or_(dialect.globbed(repo, path), behind_slash)
    if not path.stops_at_slash:
        return found
    return and_(found, repo.regexp_match(parameter(path, "end_of_path")))


def _component_wise(column: ColumnElement[Any], pattern: GlobSlot) -> ColumnElement[bool]:
    found = dialect.globbed(column, pattern)
    if not pattern.stops_at_slash:
        return found
    # GLOB matches `/` with any wildcard.
    return and_(found, column.regexp_match(parameter(pattern, "path")))


# -- ranges --------------------------------------------------------------------------------


def _between(column: ColumnElement[Any], part: RangeSlots) -> ColumnElement[bool]:
    low, high = (None if end is None else parameter(end) for end in (part.low, part.high))
    if low is None:
        return column.is_not(None) if high is None else column <= high
    # BETWEEN computes the column once, which counts where it is a walk of the graph.
    return column >= low if high is None else column.between(low, high)


def _times(column: ColumnElement[Any], test: TimeSlots) -> ColumnElement[bool]:
    parts = [_within(column, part) for part in test.ranges]
    return dialect.any_of([*parts, column.is_(None)] if test.never else parts)


def _within(column: ColumnElement[Any], part: RangeSlots) -> ColumnElement[bool]:
    ends = []
    if part.low is not None:
        ends.append(column >= parameter(part.low))
    if part.high is not None:
        ends.append(column < parameter(part.high))
    return and_(*ends)


# -- platforms and versions ----------------------------------------------------------------


def _platform(pattern: PlatformPatternSlots) -> ColumnElement[bool]:
    wanted = (
        (platform.c.os, pattern.os),
        (platform.c.architecture, pattern.architecture),
        (platform.c.variant, pattern.variant),
    )
    parts = [dialect.globbed(column, glob) for column, glob in wanted if glob is not None]
    parts += dialect.among(platform.c.os_version, pattern.os_version)
    return and_(*parts)


def _version(table: FromClause, part: VersionRangeSlots) -> ColumnElement[bool]:
    is_one = part.low is not None and part.low == part.high
    # A version without an order equals another one or differs from it, and is in no range.
    schemes = (*versions.SCHEMES, versions.UNORDERED) if is_one else versions.SCHEMES
    return or_(*(_version_of(table, scheme, part) for scheme in schemes))


def _version_of(table: FromClause, scheme: str, part: VersionRangeSlots) -> ColumnElement[bool]:
    key = dialect.in_code_points(table.c.vkey)
    low, high = (
        None if end is None else parameter(end, version_part(scheme))
        for end in (part.low, part.high)
    )
    parts = [table.c.scheme == scheme]
    if part.low is not None and part.low == part.high:
        parts.append(key == low)
    else:
        if low is not None:
            parts.append(key >= low if part.with_low else key > low)
        if high is not None:
            parts.append(key <= high if part.with_high else key < high)
    return and_(*parts)
