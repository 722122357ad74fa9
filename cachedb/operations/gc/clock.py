"""Check of the clock before names are removed for their age."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cachedb.errors import Refused
from cachedb.operations.sync import history
from cachedb.patterns import lazy
from cachedb.query.semantics.times import from_microseconds
from cachedb.query.syntax.tree import Saved, walk

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from cachedb.layout import Layout
    from cachedb.query.syntax.tree import Query

_MOST: Final = timedelta(days=180)
_TIMES: Final = lazy(r"\b(?:used|pulled|added|created)\b")


def reads_times(queries: Iterable[Query]) -> bool:
    """Return whether a query, or a saved one that it uses, may select by a time of an image."""
    return any(_TIMES.search(text) for query in queries for text in _texts(query))


def _texts(query: Query) -> Iterable[str]:
    yield str(query)
    for node in walk(query.expression) if query.expression else ():
        if isinstance(node, Saved):
            yield str(node.query)


def check(layout: Layout, times: Iterable[int], now: datetime) -> None:
    """Refuse to remove by age if the clock is far ahead of the last activity in the cache.

    `times` are when names arrived and were used, in microseconds since 1970; the journal is asked
    too. A clock that has jumped ahead makes every name look unused. A time to come counts as now,
    so one that has jumped back makes every name look fresh, and removes nothing.

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
            f"the clock says {now:%Y-%m-%d}, and the last activity in the cache was on"
            f" {last:%Y-%m-%d}: refusing to remove names for their age",
            hint="set the clock, or --trust-clock",
        )
