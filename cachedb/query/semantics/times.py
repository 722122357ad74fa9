"""Parsers of dates and ages: `2026-01`, `today`, `30d`; an age is that long ago.

Instants are microseconds since 1970 in UTC. A date denotes all of its year, month, day or minute,
so it has a start and an end; an age is a single point. Dates are read in the time zone of `now`,
which is the same for all of a query.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from cachedb.errors import InvalidInput
from cachedb.patterns import lazy
from cachedb.query.messages import error_at, nearest
from cachedb.records import Record

if TYPE_CHECKING:
    from datetime import tzinfo

    from cachedb.errors import QueryError
    from cachedb.query.syntax.tree import Span

_HOURS: Final = 24
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE: Final = lazy(r"(?:\d+(?:y|mo|w|d|h|min|s))+")
_PART: Final = lazy(r"(\d+)([a-z]+)")
_LIKE_AN_AGE: Final = lazy(r"[\d.]+\s*[A-Za-z]+", re.ASCII)
_DATE: Final = lazy(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:[Tt ](?P<hour>\d\d):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,6}))?)?(?P<zone>[Zz]|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_OFFSET: Final = lazy(r"(?P<sign>[+-])(?P<hours>\d\d):(?P<minutes>[0-5]\d)", re.ASCII)
_FORMS: Final = (
    "a date: 2026, 2026-01, 2026-01-31, 2026-01-31T10:00, today, yesterday",
    "an age, which is that long ago: 30d 2w 6mo 1y 12h 15min",
)


class Period(Record):
    """The instants from `start` to before `end`; for an age both are the same."""

    start: int
    end: int

    @property
    def is_point(self) -> bool:
        """Whether it is an age or `now`, so that nothing is inside it."""
        return self.start == self.end


def parse(text: str, span: Span, now: datetime) -> Period:
    """Read a date or an age.

    Raises:
        QueryError: The text is neither, or lies outside of the calendar.
    """
    assert now.tzinfo is not None
    if text == "now":
        return _point(now)
    if text in {"today", "yesterday"}:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        first = midnight - timedelta(days=1) if text == "yesterday" else midnight
        return _period(first, first + timedelta(days=1))
    try:
        if _AGE.fullmatch(text):
            return _point(_ago(now, text))
        if found := _DATE.fullmatch(text):
            return _date(found, now)
    except (ValueError, OverflowError) as error:
        raise error_at(span, f"`{text}` is not a calendar date", _FORMS[0]) from error
    raise _not_a_time(text, span)


def is_relative(text: str) -> bool:
    """Return whether a date, an age or a range of them depends on the clock."""
    return any(
        part in {"now", "today", "yesterday"} or _AGE.fullmatch(part) is not None
        for part in text.split("..")
    )


def parse_zone(text: str) -> tzinfo:
    """Read the time zone that dates are in: `Europe/Berlin`, `+02:00` or `UTC`.

    Raises:
        InvalidInput: There is no such zone, or this machine has no table of them.
    """
    from zoneinfo import ZoneInfo, available_timezones  # noqa: PLC0415  (reads many files)

    if text in {"UTC", "Z"}:
        return UTC
    if (found := _OFFSET.fullmatch(text)) and int(found["hours"]) < _HOURS:
        length = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"]))
        return timezone(-length if found["sign"] == "-" else length)
    try:
        return ZoneInfo(text)
    except (KeyError, OSError, ValueError) as error:
        near = nearest(text, available_timezones())
        hint = f"did you mean {near}?" if near else "write Europe/Berlin, +02:00 or UTC"
        raise InvalidInput(f"{text!r} is not a time zone", hint=hint) from error


def microseconds(moment: datetime) -> int:
    """Count the microseconds since 1970 in UTC."""
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(instant: int) -> datetime:
    """Return the moment in UTC."""
    return _EPOCH + timedelta(microseconds=instant)


def _point(moment: datetime) -> Period:
    instant = microseconds(moment)
    return Period(start=instant, end=instant)


def _period(first: datetime, behind: datetime) -> Period:
    return Period(start=microseconds(first), end=microseconds(behind))


def _ago(now: datetime, text: str) -> datetime:
    found = now
    for number, unit in _PART.findall(text):
        if unit in {"y", "mo"}:
            found = _months_before(found, int(number) * (12 if unit == "y" else 1))
        else:
            # In UTC: a day is 24 hours, also when the clocks change.
            earlier = found.astimezone(UTC) - timedelta(**{_UNITS[unit]: int(number)})
            found = earlier.astimezone(now.tzinfo)
    return found


def _months_before(moment: datetime, months: int) -> datetime:
    place = moment.year * 12 + moment.month - 1 - months
    year, month = divmod(place, 12)
    if year < 1:
        raise OverflowError
    day = min(moment.day, _days_of(year, month + 1))
    return moment.replace(year=year, month=month + 1, day=day)


def _date(found: re.Match[str], now: datetime) -> Period:
    year, month, day = (int(found[part] or 1) for part in ("year", "month", "day"))
    if found["month"] is None:
        return _days(datetime(year, 1, 1, tzinfo=now.tzinfo), 366 if _is_leap(year) else 365)
    if found["day"] is None:
        first = datetime(year, month, 1, tzinfo=now.tzinfo)
        return _days(first, _days_of(year, month))
    first = datetime(year, month, day, tzinfo=now.tzinfo)
    if found["hour"] is None:
        return _days(first, 1)
    moment = first.replace(
        hour=int(found["hour"]),
        minute=int(found["minute"]),
        second=int(found["second"] or 0),
        microsecond=int((found["fraction"] or "").ljust(6, "0")),
    )
    if found["zone"]:
        zone = found["zone"].upper().replace("Z", "+00:00")
        moment = moment.replace(tzinfo=datetime.fromisoformat(f"2000-01-01T00:00{zone}").tzinfo)
    return _for(moment, _precision(found))


def _precision(found: re.Match[str]) -> timedelta:
    if found["second"] is None:
        return timedelta(minutes=1)
    if found["fraction"] is None:
        return timedelta(seconds=1)
    return timedelta(microseconds=10 ** (6 - len(found["fraction"])))


def _days(first: datetime, days: int) -> Period:
    """Return so many days of the calendar; one of them may have 23 or 25 hours."""
    return _period(first, first + timedelta(days=days))


def _for(moment: datetime, length: timedelta) -> Period:
    start = microseconds(moment)
    return Period(start=start, end=start + length // timedelta(microseconds=1))


def _is_leap(year: int) -> bool:
    return _days_of(year, 2) == 29  # noqa: PLR2004


def _days_of(year: int, month: int) -> int:
    """Count the days of a month."""
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - date(year, month, 1)).days


def _not_a_time(text: str, span: Span) -> QueryError:
    found = re.fullmatch(r"(\d+)m", text)
    if found:
        number = found[1]
        return error_at(
            span, f"`{text}` is ambiguous", f"{number}min is minutes", f"{number}mo is months"
        )
    if re.fullmatch(r"\d{1,3}", text, re.ASCII):
        hint = f"an age has a unit: {text}d is {text} days ago, {text}mo is {text} months ago"
        return error_at(span, f"`{text}` is not a time", hint)
    if _AGE.fullmatch(text.lower()):
        return error_at(span, f"`{text}` is not a time", f"write {text.lower()}")
    if _LIKE_AN_AGE.fullmatch(text):
        return error_at(span, f"`{text}` is not an age", "units are y mo w d h min s", _FORMS[1])
    return error_at(span, f"`{text}` is not a time", *_FORMS)
