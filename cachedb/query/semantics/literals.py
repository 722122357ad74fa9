"""Parsers of literals: sizes, numbers, times, platforms, versions, patterns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cachedb.errors import InvalidPackageURL, InvalidPlatform, QueryError
from cachedb.oci.platform.model import KNOWN_ARCHITECTURES, KNOWN_OS, Platform
from cachedb.packages.purl import PackageURL
from cachedb.patterns import lazy
from cachedb.query.messages import did_you_mean, error_at
from cachedb.query.semantics import globs, linear_regex, name_patterns, times
from cachedb.query.semantics.globs import Glob
from cachedb.query.semantics.values import (
    AffixTest,
    DigestTest,
    EnumTest,
    GlobTest,
    NameTest,
    NumberRange,
    NumberTest,
    PathTest,
    PlatformPattern,
    PlatformTest,
    RegexTest,
    TimeRange,
    TimeTest,
    ValueTest,
    VersionRange,
    VersionTest,
)
from cachedb.query.syntax.tree import Source, Span
from cachedb.query.words import OPERATORS, ORDER, Field, Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from cachedb.query.syntax.tree import Selector, Value

LARGEST: Final = 2**63 - 1
_SIZE: Final = lazy(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[A-Za-z]*)", re.ASCII)
_NUMBER: Final = lazy(r"\d{1,18}", re.ASCII)
_FIRST_DIGITS: Final = lazy(r"\d{1,3}", re.ASCII)
_THREE_DIGITS: Final = lazy(r"\d{3}", re.ASCII)
_ORDERING: Final = frozenset({"lt", "le", "gt", "ge"})
_POWERS: Final = "KMGTPE"
_SIZE_HINT: Final = "100M and 1.5G count in thousands, 512Mi and 2Gi in 1024s"
# A list of patterns becomes a chain of conditions, and SQLite's expressions have a depth.
_MOST_PATTERNS: Final = 250
# Each of these is a walk of the graph for every row.
_MOST_COMPUTED: Final = 10


def test_of(
    field: Field, op: str, values: tuple[Value, ...], span: Span, now: datetime
) -> ValueTest:
    """Read the values of `field op values`; `op` is not `ne`, which is the complement of `eq`.

    Raises:
        QueryError: The operator does not go with the type, or a value is not of the type.
    """
    if op not in OPERATORS[field.type]:
        raise _wrong_operator(field, op, span)
    found = _test_of(field, op, values, span, now)
    most = _MOST_COMPUTED if field.computed else _MOST_PATTERNS
    if _patterns(found) > most:
        why = f"more than {most} patterns and ranges in one list"
        raise error_at(span, why, "plain values are not limited to that number")
    return found


def _test_of(
    field: Field, op: str, values: tuple[Value, ...], span: Span, now: datetime
) -> ValueTest:
    match field.type:
        case Type.SIZE | Type.NUMBER:
            return numbers(op, values, is_size=field.type is Type.SIZE)
        case Type.TIME:
            return _times(field, op, values, span, now)
        case Type.ENUM:
            return EnumTest(words=tuple(_word(value, field) for value in values))
        case Type.DIGEST:
            found = (name_patterns.parse_digest(globs.plain(v.text), v.span) for v in values)
            return DigestTest(prefixes=tuple(found))
        case Type.PLATFORM:
            return PlatformTest(patterns=tuple(_platform(value) for value in values))
        case Type.VERSION:
            return _versions(op, values)
        case _:
            return _textual(field, op, values)


def numbers(op: str, values: tuple[Value, ...], *, is_size: bool = False) -> NumberTest:
    """Read whole numbers, or sizes, and ranges of them."""
    read = _size if is_size else _number
    if op in _ORDERING and len(values) > 1:
        _refuse_groups_of_digits(values)
    found: list[NumberRange] = []
    for value in values:
        low, is_range, high = value.text.partition("..")
        if not is_range:
            found.append(_number_range(op, read(value.text, value.span)))
            continue
        _refuse_range(op, value)
        ends = NumberRange(
            low=read(low, value.span) if low else None,
            high=read(high, value.span) if high else None,
        )
        if ends.low is not None and ends.high is not None and ends.low > ends.high:
            raise _reversed(value, low, high, "more than")
        found.append(ends)
    return NumberTest(ranges=tuple(found))


def _refuse_groups_of_digits(values: Sequence[Value]) -> None:
    """Refuse `1,000,000`, which is a list of three numbers."""
    first, *others = (value.text for value in values)
    if _FIRST_DIGITS.fullmatch(first) and all(map(_THREE_DIGITS.fullmatch, others)):
        why = f"`{','.join((first, *others))}` is a list of numbers: a number has no commas"
        raise error_at(values[0].span, why, f"write {''.join((first, *others))}")


def count(value: Value) -> int:
    """Read one whole number."""
    return _number(value.text, value.span)


def _number_range(op: str, number: int) -> NumberRange:
    match op:
        case "lt":
            return NumberRange(high=number - 1)
        case "le":
            return NumberRange(high=number)
        case "gt":
            return NumberRange(low=number + 1)
        case "ge":
            return NumberRange(low=number)
        case _:
            return NumberRange(low=number, high=number)


def _number(text: str, span: Span) -> int:
    if not _NUMBER.fullmatch(text):
        raise error_at(span, f"`{text}` is not a whole number", "write it in digits: 5")
    return int(text)


def size_of(text: str) -> int:
    """Return the bytes of a size such as ``50G``, outside of a query.

    Raises:
        QueryError: It is not a size.
    """
    return _size(text, Span(source=Source(text=text), start=0, end=len(text)))


def _size(text: str, span: Span) -> int:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise error_at(span, f"`{text}` is not a size", _SIZE_HINT)
    factor = _factor(found["unit"], text, span)
    # Exact: 1.5G is a whole number of bytes, and 0.1 is not.
    whole, _, decimals = found["number"].partition(".")
    size, rest = divmod(int(whole + decimals) * factor, int(10 ** len(decimals)))
    if rest:
        raise error_at(span, f"`{text}` is not a whole number of bytes", _SIZE_HINT)
    if size > LARGEST:
        raise error_at(span, f"`{text}` exceeds the largest file size", _SIZE_HINT)
    return size


def _factor(unit: str, text: str, span: Span) -> int:
    name = unit.removesuffix("B") if unit != "B" else ""
    letter, binary = name.removesuffix("i"), name.endswith("i")
    letter = "K" if letter == "k" else letter
    if not name:
        return 1
    if len(letter) != 1 or letter not in _POWERS:
        better = text[: len(text) - len(unit)] + unit[:1].upper() + unit[1:].lower()
        wanted = unit[:1].upper() in _POWERS and unit[1:].lower() in {"", "b", "i", "ib"}
        hints = (f"did you mean `{better.replace('b', 'B')}`?", _SIZE_HINT)
        raise error_at(span, f"`{unit}` is not a unit of size", *(hints if wanted else hints[1:]))
    return int((1024 if binary else 1000) ** (_POWERS.index(letter) + 1))


def _word(value: Value, field: Field) -> str:
    word = globs.plain(value.text)
    if word not in field.words:
        article = "an" if field.name[0] in "aeiou" else "a"
        why = f"`{word}` is not {article} {field.name}"
        raise error_at(value.span, why, *did_you_mean(word, field.words))
    return word


# -- text ----------------------------------------------------------------------------------


def _textual(field: Field, op: str, values: tuple[Value, ...]) -> ValueTest:
    if op == "matches":
        for value in values:
            linear_regex.compile_pattern(value.text, value.span)
        return RegexTest(patterns=tuple(value.text for value in values))
    if op in {"starts", "ends", "has"}:
        return AffixTest(op=op, texts=tuple(globs.plain(value.text) for value in values))
    if field.type is Type.NAME:
        return NameTest(patterns=tuple(name_patterns.parse_name(v.text, v.span) for v in values))
    if field.type is Type.PATH:
        return paths(values)
    if field.type is Type.PACKAGE_URL:
        return GlobTest(patterns=tuple(_package_url(value) for value in values))
    found = [globs.parse(value.text, value.span) for value in values]
    if field.type is Type.ARCHITECTURE:
        found = [_architecture(pattern) for pattern in found]
    return GlobTest(patterns=tuple(found))


def paths(values: Iterable[Value | Selector]) -> PathTest:
    """Read patterns of absolute paths; one that begins without a slash is the end of a path."""
    texts = (
        (value.text if value.text.startswith(("/", "**")) else f"**/{value.text}", value.span)
        for value in values
    )
    return PathTest(patterns=tuple(globs.parse(text, span) for text, span in texts))


def _architecture(pattern: Glob) -> Glob:
    literal = pattern.literal
    if literal is None:
        return pattern
    return Glob.of(Platform(os="", architecture=literal).normalized().architecture)


def _package_url(value: Value) -> Glob:
    """Read a package URL in any of its encodings, or a pattern of canonical ones.

    Libraries encode the same URL differently, `+` above all: `curl@7.88.1-10+deb12u5`.
    """
    text = value.text
    if not any(character in text for character in "*[\\"):
        # The `?` in it begins its qualifiers.
        try:
            return Glob.of(str(PackageURL.parse(text)))
        except InvalidPackageURL:
            return globs.parse(text, value.span)
    return globs.parse(text.replace("+", "%2B"), value.span)


# -- platforms -----------------------------------------------------------------------------


def _platform(value: Value) -> PlatformPattern:
    parts = value.text.split("/")
    if len(parts) > 3 or not all(parts):  # noqa: PLR2004
        raise _not_a_platform(value)
    patterns = [globs.parse(part, value.span) for part in parts]
    words = [pattern.literal for pattern in patterns]
    if None in words:
        if len(parts) == 1:
            raise _not_a_platform(value)
        return _platform_pattern(patterns)
    try:
        return _exact_platform([word or "" for word in words])
    except InvalidPlatform as error:
        raise _not_a_platform(value) from error


def _platform_pattern(patterns: list[Glob]) -> PlatformPattern:
    system, architecture, *variant = patterns
    literal = architecture.literal
    if literal is not None and variant and (word := variant[0].literal) is not None:
        normal = Platform(os="", architecture=literal, variant=word).normalized()
        return PlatformPattern(
            os=system,
            architecture=Glob.of(normal.architecture),
            variant=Glob.of(normal.variant),
        )
    return PlatformPattern(
        os=system,
        architecture=_architecture(architecture),
        variant=variant[0] if variant else None,
    )


def _exact_platform(words: list[str]) -> PlatformPattern:
    found = Platform.parse("/".join(words)).normalized()
    if len(words) == 1:
        # One word leaves the rest open, where `Platform.parse` fills in this machine.
        alone = Platform(os=words[0], architecture=words[0]).normalized()
        if found.os == alone.os and found.architecture != alone.architecture:
            return PlatformPattern(os=Glob.of(found.os))
        bare = Platform(os="", architecture=words[0]).normalized()
        return PlatformPattern(
            architecture=Glob.of(bare.architecture), variant=Glob.of(bare.variant)
        )
    return PlatformPattern(
        os=Glob.of(found.os),
        architecture=Glob.of(found.architecture),
        variant=Glob.of(found.variant),
        os_version=found.os_version or None,
    )


def _not_a_platform(value: Value) -> QueryError:
    from cachedb.query.spelling import nearest_value  # noqa: PLC0415  (only for errors)

    near = nearest_value(value.text, KNOWN_OS | KNOWN_ARCHITECTURES)
    return error_at(
        value.span,
        f"`{value.text}` is not a platform",
        *([f"did you mean `{near}`?"] if near else []),
        "linux/arm64, linux/arm/v7, arm64, windows, linux/*",
    )


# -- versions ------------------------------------------------------------------------------


def _versions(op: str, values: tuple[Value, ...]) -> VersionTest:
    ranges: list[VersionRange] = []
    patterns: list[Glob] = []
    for value in values:
        low, is_range, high = value.text.partition("..")
        pattern = globs.parse(value.text, value.span)
        if is_range:
            _refuse_range(op, value)
            ends = (globs.plain(low) or None, globs.plain(high) or None)
            ranges.append(VersionRange(low=ends[0], high=ends[1]))
        elif pattern.literal is not None:
            ranges.append(_version_range(op, pattern.literal))
        elif op in ORDER:
            why = f"`{value.text}` has wildcards and cannot be ordered"
            raise error_at(value.span, why, "write one version")
        else:
            patterns.append(pattern)
    return VersionTest(ranges=tuple(ranges), patterns=tuple(patterns))


def _version_range(op: str, version: str) -> VersionRange:
    match op:
        case "lt" | "le":
            return VersionRange(high=version, with_high=op == "le")
        case "gt" | "ge":
            return VersionRange(low=version, with_low=op == "ge")
        case _:
            return VersionRange(low=version, high=version)


# -- times ---------------------------------------------------------------------------------


def _times(
    field: Field, op: str, values: tuple[Value, ...], span: Span, now: datetime
) -> TimeTest:
    ranges: list[TimeRange] = []
    never = False
    for value in values:
        if value.text == "never":
            if op != "eq":
                why = f"`never` cannot be compared with `{op}`"
                raise error_at(value.span, why, f"{field.name}:never")
            never = True
        elif ".." in value.text:
            _refuse_range(op, value)
            ranges.append(_time_range(value, now))
        else:
            moment = times.parse(value.text, value.span, now)
            if moment.is_point and op not in {"before", "since"}:
                raise _age_needs_direction(field, op, value, span)
            ranges.append(_span_of(op, moment))
    return TimeTest(ranges=tuple(ranges), never=never)


def _span_of(op: str, moment: times.Period) -> TimeRange:
    match op:
        case "before" | "lt":
            return TimeRange(high=moment.start)
        case "le":
            return TimeRange(high=moment.end)
        case "since" | "ge":
            return TimeRange(low=moment.start)
        case "gt":
            return TimeRange(low=moment.end)
        case _:
            return TimeRange(low=moment.start, high=moment.end)


def _time_range(value: Value, now: datetime) -> TimeRange:
    first, _, last = value.text.partition("..")
    if "never" in {first, last}:
        instead = f"never,..{last}" if first == "never" else f"{first}..,never"
        raise error_at(value.span, "`never` cannot be the end of a range", f"write {instead}")
    low = times.parse(first, value.span, now).start if first else None
    high = times.parse(last, value.span, now).end if last else None
    if low is not None and high is not None and low > high:
        raise _reversed(value, first, last, "after")
    return TimeRange(low=low, high=high)


def _age_needs_direction(field: Field, op: str, value: Value, span: Span) -> QueryError:
    age, name = value.text, field.name
    hints = (f"{name} before {age}   ({age} ago or earlier)", f"{name} since {age}   (later)")
    if value.text == "now":
        return error_at(
            span, "`now` is a point in time, which contains nothing", f"{name} before now"
        )
    if op == "eq":
        return error_at(
            span, f"`{age}` is a point in time ({age} ago), which contains nothing", *hints
        )
    symbol = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}[op]
    return error_at(
        span, f"`{name} {symbol} {age}` is ambiguous: {age} is an age, not a date", *hints
    )


# -- errors ----------------------------------------------------------------------------


def _refuse_range(op: str, value: Value) -> None:
    if op != "eq":
        low, _, high = value.text.partition("..")
        why = f"`{value.text}` is a range, and `{op}` compares with one value"
        raise error_at(value.span, why, f"write `eq {value.text}`, or `{op} {high or low}`")
    if value.text == "..":
        raise error_at(value.span, "a range needs at least one end", "100M..1G, 100M.., ..1G")


def _reversed(value: Value, low: str, high: str, relation: str) -> QueryError:
    return error_at(value.span, f"empty range: {low} is {relation} {high}", f"write {high}..{low}")


def _wrong_operator(field: Field, op: str, span: Span) -> QueryError:
    why = f"`{op}` is not an operator of `{field.name}` ({field.type.value})"
    allowed = ", ".join(OPERATORS[field.type])
    return error_at(span, why, f"write {field.name}:VALUE, or one of {allowed} between the two")


def _patterns(test: ValueTest) -> int:
    """Count the values that become conditions of their own."""
    match test:
        case GlobTest() | PathTest():
            return sum(pattern.literal is None for pattern in test.patterns)
        case NameTest():
            return sum(pattern.plain is None for pattern in test.patterns)
        case NumberTest():
            return sum(part.low != part.high for part in test.ranges)
        case DigestTest():
            return sum(len(one.prefixes) for one in test.prefixes if one.whole is None)
        case EnumTest():
            return 0
        case AffixTest():
            return len(test.texts)
        case TimeTest():
            return len(test.ranges)
        case VersionTest():
            return len(test.ranges) + len(test.patterns)
        case RegexTest() | PlatformTest():
            return len(test.patterns)
