"""Check of the clock before names are removed for their age."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cachedb.errors import Refused
from cachedb.operations.sync import history
from cachedb.query.semantics.times import from_microseconds, is_relative
from cachedb.query.syntax.tree import Compare, Match, walk
from cachedb.query.vocabulary import FIELDS
from cachedb.query.words import Type

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from cachedb.layout import Layout
    from cachedb.query.syntax.tree import Query

_MOST: Final = timedelta(days=180)
_TIMES: Final = frozenset(
    field.name
    for fields in FIELDS.values()
    for field in fields.values()
    if field.type is Type.TIME
)


def reads_clock(queries: Iterable[Query]) -> bool:
    """Return whether a query, or a saved one that it uses, selects by an age.

    `used before 90d` does, and `used before 2026-01-01` does not: its result is the same whatever
    the clock says. Neither does an order by a time.
    """
    return any(
        isinstance(node, Match | Compare)
        and node.path.field in _TIMES
        and any(is_relative(value.text) for value in node.values)
        for query in queries
        if query.expression is not None
        for node in walk(query.expression)
    )


def check(layout: Layout, times: Iterable[int], now: datetime) -> None:
    """Refuse to remove by age if the clock is far ahead of the last activity in the cache.

    `times` are when names arrived and were used, in microseconds since 1970; the journal is read
    too. A clock that has jumped ahead makes every name look unused. A future time counts as now,
    so a clock that has jumped back makes every name look fresh, and nothing is removed.

    Raises:
        Refused: The clock is more than half a year ahead.
    """
    recorded = history.last_activity(layout)
    latest = max([*times, *([] if recorded is None else [recorded])], default=None)
    if latest is None:
        return
    last = from_microseconds(latest)
    if now - last > _MOST:
        raise Refused(
            f"the clock is at {now:%Y-%m-%d}, and the last activity in the cache was on"
            f" {last:%Y-%m-%d}: refusing to remove names for their age",
            hint="set the clock, or --trust-clock",
        )
