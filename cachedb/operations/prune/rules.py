"""Rules of prune: names to keep, names to remove, and limits of size.

A name that one rule keeps stays, whatever other rules match. Ages and sizes are texts as
in the query language (``90d``, ``50G``); a size may also be a share of the file system (``30%``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cachedb.errors import InvalidInput, QueryError
from cachedb.patterns import lazy
from cachedb.records import Record

if TYPE_CHECKING:
    from datetime import datetime

    from cachedb.query.syntax.tree import Query

GROUPS: Final = ("repo", "platform")
_PERCENT: Final = lazy(r"(\d{1,3})%")
_AGE: Final = lazy(r"(?:\d+(?:y|mo|w|d|h|min|s))+")
_SHARE: Final = 100


class SizeLimit(Record):
    """Number of bytes, or a share of the size of a file system."""

    text: str
    """Text as it was typed: ``10G``, ``20%``."""
    number: int | None = None
    share: float | None = None

    @classmethod
    def parse(cls, text: str) -> SizeLimit:
        """Parse ``50G`` or ``30%``.

        Raises:
            InvalidInput: The text is neither a size nor a percentage.
        """
        percent = _PERCENT.fullmatch(text)
        if percent is not None and int(percent[1]) <= _SHARE:
            return cls(text=text, share=int(percent[1]) / _SHARE)
        from cachedb.query.semantics.literals import size_of  # noqa: PLC0415  (for sizes alone)

        try:
            return cls(text=text, number=size_of(text))
        except QueryError as error:
            raise InvalidInput(f"invalid size {text!r}", hint="write 50G, 500M or 30%") from error

    def of(self, capacity: int) -> int:
        """Return the bytes of the limit on a file system of `capacity` bytes."""
        if self.number is not None:
            return self.number
        return int(capacity * (self.share or 0.0))


class Age(Record):
    """Time span before now, such as ``30d``; months and years are those of the calendar."""

    text: str

    @classmethod
    def parse(cls, text: str) -> Age:
        """Parse an age.

        Raises:
            InvalidInput: The text is not an age.
        """
        if _AGE.fullmatch(text) is None:
            raise InvalidInput(f"invalid age {text!r}", hint="write 90d, 12h, 2w, 6mo or 1y")
        return cls(text=text)

    def before(self, now: datetime) -> int:
        """Return the moment that long before `now`, in microseconds since 1970.

        Raises:
            InvalidInput: The moment is before the year 1.
        """
        from cachedb.query.semantics import times  # noqa: PLC0415  (for ages alone)
        from cachedb.query.syntax.tree import Source, Span  # noqa: PLC0415

        span = Span(source=Source(text=self.text), start=0, end=len(self.text))
        return times.parse(self.text, span, now).start


class PruneRules(Record):
    """Rules, which together decide about each name.

    Keep rules: `keep` queries, the `keep_last` newest names of each group, and names that were
    pulled or added within `keep_within`. Rules that remove: `drop` queries, names without a tag
    if `is_untagged`, names not used for `unused_for`. Limits remove the least recently used names
    that no rule keeps: `max_size` of the referenced content, `min_free` of the file system.
    """

    keep: tuple[Query, ...] = ()
    drop: tuple[Query, ...] = ()
    keep_last: int | None = None
    group_by: tuple[str, ...] = ("repo",)
    """Fields whose values are a group of `keep_last`."""
    keep_within: Age | None = None
    unused_for: Age | None = None
    is_untagged: bool = False
    max_size: SizeLimit | None = None
    min_free: SizeLimit | None = None
    may_remove_all: bool = False
    """Whether the rules may remove every name."""
    trusts_clock: bool = False
    """Whether ages count although the last activity is long ago."""

    @property
    def is_selective(self) -> bool:
        """Whether a rule or limit removes names; else `keep_last` and `keep_within` do.

        Without one, every name that these two do not keep is removed.
        """
        limits = (self.unused_for, self.max_size, self.min_free)
        return bool(self.drop) or self.is_untagged or any(each is not None for each in limits)

    def check(self) -> None:
        """Refuse rules that remove nothing, or that contradict each other.

        Raises:
            InvalidInput: The rules remove nothing, or a query is both kept and dropped.
        """
        if not self.is_selective and self.keep_last is None and self.keep_within is None:
            raise InvalidInput(
                "no rule removes anything",
                hint="--unused-for 90d, --keep-last 3, --max-size 50G, or --drop QUERY",
            )
        both = {str(query) for query in self.keep} & {str(query) for query in self.drop}
        if both:
            raise InvalidInput(f"the rules both keep and drop {min(both)!r}")


def keep_last(text: str | int) -> int:
    """Parse the number of newest names to keep, 1 or more.

    Raises:
        InvalidInput: The text is not a number, or is 0.
    """
    written = str(text)
    if isinstance(text, bool) or not written.isascii() or not written.isdecimal():
        raise InvalidInput(f"invalid number {written!r}", hint="write --keep-last 3")
    if int(written) == 0:
        raise InvalidInput("cannot keep the last 0 names", hint="omit --keep-last")
    return int(written)


def group_by(text: str) -> tuple[str, ...]:
    """Parse the fields of a group, joined with commas.

    Raises:
        InvalidInput: A field is unknown or named twice.
    """
    fields = tuple(text.split(","))
    unknown = next((field for field in fields if field not in GROUPS), None)
    if unknown is not None:
        raise InvalidInput(f"unknown group {unknown!r}", hint="repo, platform or repo,platform")
    if len(set(fields)) < len(fields):
        raise InvalidInput(f"the group {text!r} names a field twice", hint="repo,platform")
    return fields
