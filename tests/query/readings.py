"""Second implementation of the literals of the query language."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cachedb.packages import versions
from tests.query.model import Package

ALIASES = {"x86_64": "amd64", "aarch64": "arm64", "armhf": "arm", "i386": "386"}


def fits(text: str, pattern: str, within: str = "") -> bool:
    r"""Match a glob, written out by hand: `*` stops at `within`, `**` does not."""
    if not pattern:
        return not text
    if pattern.startswith("**"):
        return any(fits(text[n:], pattern[2:], within) for n in range(len(text) + 1))
    if pattern.startswith("*"):
        stop = text.find(within) if within else -1
        reach = len(text) if stop < 0 else stop
        return any(fits(text[n:], pattern[1:], within) for n in range(reach + 1))
    length, accepts = one_of(pattern, within)
    return bool(text) and accepts(text[0]) and fits(text[1:], pattern[length:], within)


def one_of(pattern: str, within: str) -> tuple[int, Callable[[str], bool]]:
    """Return how long the first part of a glob is, and which characters it accepts."""
    if pattern.startswith("\\"):
        return 2, lambda char: char == pattern[1]
    if pattern.startswith("?"):
        return 1, lambda char: char != within
    if not pattern.startswith("["):
        return 1, lambda char: char == pattern[0]
    end = pattern.index("]", 3 if pattern[1] == "!" else 2)
    members = spread(pattern[1:end].removeprefix("!"))
    if pattern[1] == "!":
        return end + 1, lambda char: char not in members and char != within
    return end + 1, lambda char: char in members


def spread(body: str) -> str:
    def all_of(found: re.Match[str]) -> str:
        return "".join(map(chr, range(ord(found[1]), ord(found[2]) + 1)))

    return re.sub("(.)-(.)", all_of, body)


def in_text(value: str | None, op: str, text: str) -> bool:
    if value is None:
        return False
    plain = re.sub(r"\\(.)", r"\1", text)
    match op:
        case "starts":
            return value.startswith(plain)
        case "ends":
            return value.endswith(plain)
        case "has":
            return plain in value
        case "matches":
            return bool(re.search(text, value, re.ASCII | re.DOTALL))
    return fits(value, text)


def in_path(value: str, op: str, text: str) -> bool:
    if op != "eq":
        return in_text(value, op, text)
    pattern = text if text.startswith(("/", "**")) else f"**/{text}"
    return fits(value, pattern, within="/")


def size_of(text: str) -> int:
    found = re.fullmatch(r"([\d.]+)([kKMGT]?)(i?)B?", text)
    assert found, text
    base = 1024 if found[3] else 1000
    return round(float(found[1]) * base ** " KMGT".index(found[2].upper() or " "))


def in_number(value: int, op: str, text: str, read: Callable[[str], int]) -> bool:
    low, dots, high = text.partition("..")
    if dots:
        return (not low or value >= read(low)) and (not high or value <= read(high))
    number = read(text)
    return {
        "lt": value < number,
        "le": value <= number,
        "gt": value > number,
        "ge": value >= number,
    }.get(op, value == number)


def in_version(package: Package, op: str, text: str) -> bool:
    def order(version: str) -> str:
        return versions.key(package.scheme, version)

    low, dots, high = text.partition("..")
    mine = order(package.version)
    is_range = low != high if dots else op in {"lt", "le", "gt", "ge"}
    if package.scheme == versions.UNORDERED and is_range:
        return False
    if dots:
        return (not low or mine >= order(low)) and (not high or mine <= order(high))
    if set("*?[") & set(text):
        return fits(package.version, text)
    other = order(text)
    return {
        "lt": mine < other,
        "le": mine <= other,
        "gt": mine > other,
        "ge": mine >= other,
    }.get(op, mine == other)


def platform_parts(platform: tuple[str, str, str] | None, name: str) -> list[Any]:
    if platform is None:
        return []
    place = {"os": 0, "arch": 1, "variant": 2}.get(name)
    return [platform if place is None else platform[place]]


def platform_fits(platform: tuple[str, str, str], text: str) -> bool:
    parts = text.split("/")
    if len(parts) == 1:
        if text in {"linux", "windows", "darwin"}:
            return platform[0] == text
        parts = ["*", *parts]
    system, architecture, *variant = parts
    architecture = ALIASES.get(architecture, architecture)
    if "*" in text:
        wanted = variant[0] if variant else "*"
    elif architecture == "arm":
        wanted = variant[0] if variant else "v7"
    else:
        wanted = variant[0] if variant and (architecture, variant[0]) != ("arm64", "v8") else ""
        if len(text.split("/")) == 1:
            return platform[1:] == (architecture, wanted)
    return (
        fits(platform[0], system) and fits(platform[1], architecture) and fits(platform[2], wanted)
    )


def period(text: str, now: datetime) -> tuple[datetime, datetime]:
    """Return the start of a time and its end; an age is a point."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    day = timedelta(days=1)
    if text == "now":
        return now, now
    if text in {"today", "yesterday"}:
        start = midnight if text == "today" else midnight - day
        return start, start + day
    age = re.fullmatch(r"(\d+)(min|h|d|w|mo|y)", text)
    if age:
        number, unit = int(age[1]), age[2]
        if unit in {"mo", "y"}:
            point = months_before(now, number * (12 if unit == "y" else 1))
        else:
            hours = {"min": 1 / 60, "h": 1, "d": 24, "w": 168}[unit]
            point = now - timedelta(hours=hours * number)
        return point, point
    numbers = [int(part) for part in text.split("-")]
    if len(numbers) == 1:
        return datetime(numbers[0], 1, 1, tzinfo=UTC), datetime(numbers[0] + 1, 1, 1, tzinfo=UTC)
    start = datetime(numbers[0], numbers[1], numbers[2] if len(numbers) > 2 else 1, tzinfo=UTC)
    return start, (start + day if len(numbers) > 2 else months_before(start, -1))


def months_before(moment: datetime, months: int) -> datetime:
    place = moment.year * 12 + moment.month - 1 - months
    for day in range(moment.day, 0, -1):
        try:
            return moment.replace(year=place // 12, month=place % 12 + 1, day=day)
        except ValueError:
            continue
    raise AssertionError(moment)


def in_time(value: int | None, op: str, text: str, now: datetime) -> bool:
    if text == "never":
        return value is None
    if value is None:
        return False
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value)
    first, dots, last = text.partition("..")
    if dots:
        return (not first or moment >= period(first, now)[0]) and (
            not last or moment < period(last, now)[1]
        )
    start, end = period(text, now)
    return {
        "before": moment < start,
        "lt": moment < start,
        "since": moment >= start,
        "ge": moment >= start,
        "gt": moment >= end,
        "le": moment < end,
    }.get(op, start <= moment < end)
