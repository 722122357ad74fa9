"""Check of the clock before names are removed for their age."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cachedb.errors import Refused
from cachedb.operations.sync import history
from cachedb.patterns import lazy
from cachedb.query.semantics.times import from_microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from cachedb.layout import Layout
    from cachedb.operations.prune.candidates import PruneCandidate
    from cachedb.operations.prune.rules import PruneRules

_MOST: Final = timedelta(days=180)
_READS_TIMES: Final = lazy(r"\b(?:used|pulled|added)\b")


def check(
    layout: Layout, rules: PruneRules, candidates: Iterable[PruneCandidate], now: datetime
) -> None:
    """Refuse to remove by age if the clock is far ahead of the last activity in the cache.

    A clock that has jumped ahead makes every name look unused. A time to come counts as now, so
    one that has jumped back makes every name look fresh, and removes nothing.

    Raises:
        Refused: The clock is more than half a year ahead.
    """
    reads_times = any(_READS_TIMES.search(str(query)) for query in rules.drop)
    if rules.trusts_clock or (rules.unused_for is None and not reads_times):
        return
    times = [candidate.used for candidate in candidates]
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
