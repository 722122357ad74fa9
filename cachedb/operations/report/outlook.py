"""Effect of the policy of a cache, and operations on the cache day by day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cachedb.errors import InvalidInput
from cachedb.operations.prune import plan, policy_file
from cachedb.operations.read import saved_queries
from cachedb.operations.report.model import ActivityDay, PolicyEffect
from cachedb.operations.sync import history
from cachedb.query.syntax.parser import parse

if TYPE_CHECKING:
    from datetime import datetime

    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout

_RECEIVING: Final = frozenset({history.PULL, history.IMPORT, history.COPY})
_FREEING: Final = frozenset({history.COLLECT, history.CLEAN})


def policy_effect(layout: Layout, catalog: Catalog, now: datetime) -> PolicyEffect | None:
    """Plan what the policy would remove; None without a policy.

    Costs about two mark phases. A policy that cannot be applied is reported as refused.
    """
    try:
        text = policy_file.read(layout)
        if not (text or "").strip():
            return None
        saved = saved_queries.load(layout)
        rules = policy_file.parse(text or "", lambda query: parse(query, saved=saved))
        found = plan.plan(layout, catalog, rules, now=now)
    except InvalidInput as error:
        return PolicyEffect(0, 0, str(error))
    return PolicyEffect(len(found.removal.roots), found.freed, None)


def activity(layout: Layout) -> tuple[ActivityDay, ...]:
    """Sum up the operations in the journal by day, the last day first."""
    days: dict[str, list[int]] = {}
    for event in history.events(layout):
        day = days.setdefault(event.at.date().isoformat(), [0, 0, 0])
        day[0] += 1
        if event.operation in _RECEIVING:
            day[1] += event.size or 0
        elif event.operation in _FREEING:
            day[2] += event.size or 0
    return tuple(ActivityDay(date, *numbers) for date, numbers in days.items())
