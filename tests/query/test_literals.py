"""Literals: sizes, times, platforms, versions, globs, names and digests, on their borders."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, literal, select

from cachedb.errors import QueryError
from cachedb.query.semantics import globs, literals, name_patterns, times
from cachedb.query.semantics.slots import SlotTable
from cachedb.query.semantics.values import AffixTest, GlobTest, NumberRange, ValueTest
from cachedb.query.sql import predicates
from cachedb.query.sql.dialect import render
from cachedb.query.syntax.tree import Source, Span, Value
from cachedb.query.vocabulary import FIELDS
from cachedb.query.words import Sort
from tests.query.generate import NOW
from tests.query.readings import fits

SPAN = Span(source=Source(text=""), start=0, end=0)
BERLIN = ZoneInfo("Europe/Berlin")


def value(text: str) -> Value:
    return Value(text=text, span=SPAN)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1", 1),
        ("1B", 1),
        ("1k", 1_000),
        ("1K", 1_000),
        ("1KB", 1_000),
        ("1Ki", 1_024),
        ("1KiB", 1_024),
        ("1.5G", 1_500_000_000),
        ("0.001k", 1),
        ("1.5Mi", 1_572_864),
        ("2T", 2 * 10**12),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_sizes_are_exact(text: str, size: int) -> None:
    assert literals.numbers("eq", (value(text),), is_size=True).ranges == (
        NumberRange(low=size, high=size),
    )


@pytest.mark.parametrize(
    "text", ["-1", "1.5", "1..2..3", "1e9", "1 G", "1GG", "9223372036854775808", "٣", "1.M", ".5G"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(QueryError):
        literals.numbers("eq", (value(text),), is_size=True)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024", "2024-01-01T00:00", "2025-01-01T00:00"),
        ("2024-02", "2024-02-01T00:00", "2024-03-01T00:00"),
        ("2024-02-29", "2024-02-29T00:00", "2024-03-01T00:00"),
        ("2025-12", "2025-12-01T00:00", "2026-01-01T00:00"),
        ("2026-01-31T10:00", "2026-01-31T10:00", "2026-01-31T10:01"),
        ("2026-01-31T10:00:07", "2026-01-31T10:00:07", "2026-01-31T10:00:08"),
        ("2026-01-31T10:00:07.5", "2026-01-31T10:00:07.500", "2026-01-31T10:00:07.600"),
        ("2026-01-31T10:00Z", "2026-01-31T10:00", "2026-01-31T10:01"),
        ("2026-01-31T10:00+02:00", "2026-01-31T08:00", "2026-01-31T08:01"),
        ("today", "2026-11-23T00:00", "2026-11-24T00:00"),
        ("yesterday", "2026-11-22T00:00", "2026-11-23T00:00"),
        ("now", "2026-11-23T12:00", "2026-11-23T12:00"),
        ("30d", "2026-10-24T12:00", "2026-10-24T12:00"),
        ("1w3d", "2026-11-13T12:00", "2026-11-13T12:00"),
        ("12h30min", "2026-11-22T23:30", "2026-11-22T23:30"),
        ("9mo", "2026-02-23T12:00", "2026-02-23T12:00"),
        ("1y", "2025-11-23T12:00", "2025-11-23T12:00"),
    ],
)
def test_times_have_a_start_and_an_end(text: str, start: str, end: str) -> None:
    found = times.parse(text, SPAN, NOW)

    ends = (times.from_microseconds(found.start), times.from_microseconds(found.end))
    assert ends == tuple(datetime.fromisoformat(end).replace(tzinfo=UTC) for end in (start, end))


@pytest.mark.parametrize(
    ("now", "text", "start"),
    [
        ("2026-03-31T12:00", "1mo", "2026-02-28T12:00"),
        ("2024-03-31T12:00", "1mo", "2024-02-29T12:00"),
        ("2024-02-29T12:00", "1y", "2023-02-28T12:00"),
        ("2026-01-15T12:00", "1mo", "2025-12-15T12:00"),
    ],
)
def test_months_end_with_their_last_day(now: str, text: str, start: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)

    found = times.from_microseconds(times.parse(text, SPAN, moment).start)

    assert found == datetime.fromisoformat(start).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "hours"),
    [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)],
    ids=["the clocks go forward", "the clocks go back", "any other day"],
)
def test_days_are_those_of_the_time_zone_of_now(text: str, hours: int) -> None:
    found = times.parse(text, SPAN, NOW.astimezone(BERLIN))

    assert found.end - found.start == hours * 3600 * 1_000_000
    assert times.from_microseconds(found.start).astimezone(BERLIN).hour == 0


def test_an_age_of_days_is_so_many_times_24_hours_when_the_clocks_change() -> None:
    now = datetime(2026, 3, 29, 12, tzinfo=BERLIN)

    found = times.from_microseconds(times.parse("1d", SPAN, now).start)

    assert now - found == timedelta(days=1) - timedelta(0)
    assert found.astimezone(BERLIN).hour == 11


@pytest.mark.parametrize(
    "text",
    ["", "30m", "d", "30", "2026-1", "2026-01-31T25:00", "20260131", "9999999w", "0000", "1Y"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(QueryError):
        times.parse(text, SPAN, NOW)


def test_the_last_year_of_the_calendar_does_not_overflow_into_a_traceback() -> None:
    with pytest.raises(QueryError, match="not a calendar date"):
        times.parse("9999", SPAN, NOW)


GLOB_PIECES = (
    "a",
    "b",
    "-",
    "*",
    "?",
    "[ab]",
    "[!a]",
    "[a-c]",
    "]",
    "^",
    r"\*",
    r"\[",
    "/",
    "[]^-]",
)


def holds(connection: Connection, text: str, test: ValueTest) -> bool:
    table = SlotTable()
    condition = predicates.holds(literal(text), table.of_test(test, FIELDS[Sort.REF]["tag"]))
    statement = render(select(condition), connection.dialect.name)
    values = statement.bind(table.values)
    return bool(connection.exec_driver_sql(statement.text, values).scalar())


def test_globs_mean_in_the_database_what_they_say(empty: Connection) -> None:
    rng = random.Random(6)
    for _ in range(2_000):
        pattern = "".join(rng.choice(GLOB_PIECES) for _ in range(rng.randint(0, 5)))
        text = "".join(rng.choice("ab-*?[]^c/") for _ in range(rng.randint(0, 5)))
        found = globs.parse(pattern, SPAN)
        test = GlobTest(patterns=(found,))
        assert holds(empty, text, test) is fits(text, pattern), pattern


@pytest.mark.parametrize("prefix", ["a", "", "é", "\ud7ff", "\U0010ffff", "a\U0010ffff", "日"])
def test_what_begins_so_lies_between_the_prefix_and_what_follows_it(
    prefix: str, empty: Connection
) -> None:
    texts = [
        "",
        "a",
        "b",
        prefix,
        f"{prefix}x",
        f"{prefix}\U0010ffff",
        "\U0010fffe",
        "\ue000",
        "zz",
    ]
    for text in texts:
        test = AffixTest(op="starts", texts=(prefix,))
        assert holds(empty, text, test) is text.startswith(prefix), text


@pytest.mark.parametrize(
    ("pattern", "registry", "path", "tag", "digest"),
    [
        ("alpine", None, "alpine", None, None),
        ("alpine:3.*", None, "alpine", "3.*", None),
        ("docker.io/alpine", "docker.io", "library/alpine", None, None),
        ("index.docker.io/alpine", "docker.io", "library/alpine", None, None),
        ("docker.io/a/b", "docker.io", "a/b", None, None),
        ("docker.io/*", "docker.io", "*", None, None),
        ("localhost/x", "localhost", "x", None, None),
        ("host:5000/x:y", "host:5000", "x", "y", None),
        ("*.io/**", "*.io", "**", None, None),
        ("a/b@sha256:12", None, "a/b", None, "sha256:12"),
        ("[::1]:5000/x", "[::1]:5000", "x", None, None),
    ],
)
def test_patterns_of_references_are_taken_apart(
    pattern: str, registry: str | None, path: str, tag: str | None, digest: str | None
) -> None:
    found = name_patterns.parse_name(pattern, SPAN)

    parts = [
        None if part is None else str(part) for part in (found.registry, found.path, found.tag)
    ]
    if pattern.startswith("["):
        return  # brackets are a class here: such a registry is found by registry:
    assert parts == [registry, path, tag]
    assert (found.digest.prefixes[0] if found.digest else None) == digest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linux/arm64", ("linux", "arm64", "")),
        ("linux/arm64/v8", ("linux", "arm64", "")),
        ("linux/aarch64", ("linux", "arm64", "")),
        ("linux/x86_64", ("linux", "amd64", "")),
        ("linux/arm", ("linux", "arm", "v7")),
        ("linux/armhf", ("linux", "arm", "v7")),
        ("linux/arm/v6", ("linux", "arm", "v6")),
        ("linux/amd64/v1", ("linux", "amd64", "")),
        ("macos/arm64", ("darwin", "arm64", "")),
        ("arm64", (None, "arm64", "")),
        ("windows", ("windows", None, None)),
        ("linux/*", ("linux", "*", None)),
        ("*/arm/v*", ("*", "arm", "v*")),
        ("linux/arm64/*", ("linux", "arm64", "*")),
        ("unknown/unknown", ("unknown", "unknown", "")),
    ],
)
def test_platforms_are_normalised(text: str, expected: tuple[str | None, ...]) -> None:
    field = FIELDS[Sort.BLOB]["platform"]

    (found,) = literals.test_of(field, "eq", (value(text),), SPAN, NOW).patterns

    parts = (found.os, found.architecture, found.variant)
    assert tuple(None if part is None else str(part) for part in parts) == expected
