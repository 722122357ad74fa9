"""Plan of prune: the decision of the rules about each name, and the bytes that it frees.

The order is total. A pinned name stays. A name that a keep rule matches stays, whatever other
rules match. Names that a rule removes are removed first, then the limits of size apply: the least
recently used image that no rule keeps is removed first, with all of its names, until the limit is
met. The bytes of each name are those that its removal frees after the ones before it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cachedb.errors import Refused
from cachedb.operations.gc import clock, weak_roots
from cachedb.operations.gc.remove import RemovalPlan
from cachedb.operations.prune import limits
from cachedb.operations.prune.candidates import Inventory
from cachedb.operations.prune.matching import Matches
from cachedb.query.semantics.times import from_microseconds, microseconds
from cachedb.records import Record, brief_repr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout
    from cachedb.operations.prune.candidates import PruneCandidate
    from cachedb.operations.prune.limits import DiskSpace
    from cachedb.operations.prune.rules import PruneRules
    from cachedb.operations.read.resolve import Root

NO_RULE: Final = "no rule removes it"


class PruneItem(Record):
    """Decision about a name, with its one reason.

    `freed` is the bytes that its removal frees after those before it; 0 for a name that stays.
    """

    name: str | None
    roots: tuple[Root, ...]
    """Entries of the name."""
    is_removed: bool
    """Whether the name is to be removed."""
    reason: str
    used: datetime
    """Time of the last use, in UTC."""
    freed: int = 0


class PrunePlan(Record):
    """Decision about every name: removed ones first, in order, then those that stay.

    `size` is the content of the remaining names, `before` that of all names, in bytes.
    """

    items: tuple[PruneItem, ...]
    """Decisions about the names."""
    removal: RemovalPlan
    """Refs to remove."""
    before: int
    size: int
    notes: tuple[str, ...] = ()
    """Warnings about the rules."""

    __repr__ = brief_repr

    @property
    def freed(self) -> int:
        """The bytes that become unreferenced when the names are removed."""
        return self.before - self.size


def plan(
    layout: Layout,
    catalog: Catalog,
    rules: PruneRules,
    space: DiskSpace | None = None,
    now: datetime | None = None,
) -> PrunePlan:
    """Decide for every name; all ages count from the same `now`.

    `space` returns the space of the file system, called if a limit needs it. Costs about two mark
    phases.

    Raises:
        InvalidInput: The rules remove nothing, or contradict each other.
        QueryError: A query is not a set of refs.
        Refused: A keep query matches nothing; a limit cannot be met; every name would be removed;
            or the clock is far ahead of the last activity in the cache.
    """
    rules.check()
    moment = now or datetime.now(UTC)
    matches = Matches.of(catalog, rules, moment)
    with catalog.reading() as connection:
        inventory = Inventory(connection, microseconds(moment))
        if not rules.trusts_clock and _removes_by_age(rules):
            clock.check(layout, (each.used for each in inventory.candidates), moment)
        reasons = matches.reasons(inventory)
        removed = _remove_by_rules(inventory, reasons)
        removed += limits.remove(inventory, reasons, removed, rules, space or limits.space(layout))
        _refuse_everything(removed, inventory.candidates, rules)
        roots = tuple(root for each, _, _ in removed for root in each.roots)
        gone = [root.ref_id for root in roots if root.ref_id is not None]
        weak = tuple(weak_roots.orphaned(connection, gone))
    size = inventory.reclaim.live
    gone_keys = {each.key for each, _, _ in removed}
    stay = [each for each in inventory.candidates if each.key not in gone_keys]
    items = [_item(each, reason, freed, is_removed=True) for each, reason, freed in removed]
    items += [_item(each, reasons.kept.get(each, NO_RULE), 0, is_removed=False) for each in stay]
    return PrunePlan(
        items=tuple(items),
        removal=RemovalPlan(roots=roots, freed=inventory.before - size, weak=weak),
        before=inventory.before,
        size=size,
        notes=matches.notes,
    )


def _removes_by_age(rules: PruneRules) -> bool:
    """Return whether names go, or do not stay, for an age that counts from now."""
    ages = (rules.unused_for, rules.keep_within)
    return any(age is not None for age in ages) or clock.reads_clock((*rules.drop, *rules.keep))


def _remove_by_rules(
    inventory: Inventory, reasons: limits.Reasons
) -> list[tuple[PruneCandidate, str, int]]:
    ordered = sorted(reasons.removed, key=limits.least_recently_used)
    return [(each, reasons.removed[each], _free(inventory, each)) for each in ordered]


def _free(inventory: Inventory, candidate: PruneCandidate) -> int:
    return sum(inventory.reclaim.remove(root.blob_id) for root in candidate.roots)


def _refuse_everything(
    removed: Sequence[tuple[PruneCandidate, str, int]],
    candidates: Sequence[PruneCandidate],
    rules: PruneRules,
) -> None:
    if removed and len(removed) == len(candidates) and not rules.may_remove_all:
        names = "the only name" if len(removed) == 1 else f"all {len(removed)} names"
        raise Refused(f"the rules would remove {names}", hint="--all allows it")


def _item(candidate: PruneCandidate, reason: str, freed: int, *, is_removed: bool) -> PruneItem:
    return PruneItem(
        name=candidate.name,
        roots=candidate.roots,
        is_removed=is_removed,
        reason=reason,
        used=from_microseconds(candidate.used),
        freed=freed,
    )
