"""Matches of rules: the names that each rule keeps or removes, each with a reason."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from cachedb.errors import Refused
from cachedb.operations.gc import unknown_times
from cachedb.operations.prune.limits import Reasons
from cachedb.operations.read.targets import refuse_lists, refuse_other_sorts
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from cachedb.catalog.connect import Catalog
    from cachedb.operations.prune.candidates import Inventory, PruneCandidate
    from cachedb.operations.prune.rules import PruneRules

PINNED: Final = "pinned"
UNTAGGED: Final = "untagged"
NOT_KEPT: Final = "no rule keeps it"


class Matches(Record):
    """Rules with the selections of their queries, all at one moment."""

    rules: PruneRules
    now: datetime
    """Moment from which ages count."""
    keep: tuple[tuple[str, frozenset[int]], ...]
    """Text of each keep query, with the ids of the refs that it selects."""
    drop: tuple[tuple[str, frozenset[int]], ...]
    """Text of each drop query, with the ids of the refs that it selects."""
    notes: tuple[str, ...]
    """Warnings about the queries."""

    @classmethod
    def of(cls, catalog: Catalog, rules: PruneRules, now: datetime) -> Matches:
        """Run the queries of some rules.

        Raises:
            QueryError: A query is not a set of refs.
            Refused: A keep query matches nothing, which is likely a mistake.
        """
        for query in (*rules.keep, *rules.drop):
            refuse_other_sorts(query)
            refuse_lists(query)
        keep = tuple((str(q), unknown_times.to_keep(catalog, q, now)) for q in rules.keep)
        for text, ids in keep:
            if not ids:
                raise Refused(
                    f"the rule to keep {text!r} matches nothing",
                    hint="omit it if that is intended",
                )
        selected = [unknown_times.to_remove(catalog, query, now) for query in rules.drop]
        return cls(
            rules=rules,
            now=now,
            keep=keep,
            drop=tuple((str(q), s.ids) for q, s in zip(rules.drop, selected, strict=True)),
            notes=unknown_times.notes(rules.drop, selected, now),
        )

    def reasons(self, inventory: Inventory) -> Reasons:
        """Return the reasons of the names that rules keep, and of those that rules remove."""
        kept = self._kept(inventory)
        removed = {
            each: reason
            for each in inventory.candidates
            if each not in kept and (reason := self._removed(each)) is not None
        }
        return Reasons(kept=kept, removed=removed)

    def _kept(self, inventory: Inventory) -> dict[PruneCandidate, str]:
        last = self._last(inventory)
        found = {each: self._keeps(each) or last.get(each) for each in inventory.candidates}
        return {each: reason for each, reason in found.items() if reason is not None}

    def _keeps(self, candidate: PruneCandidate) -> str | None:
        if candidate.is_pinned:
            return PINNED
        for text, ids in self.keep:
            if not ids.isdisjoint(candidate.ref_ids):
                return text
        within = self.rules.keep_within
        newest = max(candidate.arrived[1], candidate.pulled or 0)
        if within is not None and newest >= within.before(self.now):
            return f"pulled or added within {within.text}"
        return None

    def _removed(self, candidate: PruneCandidate) -> str | None:
        """Return the reason to remove a name; each of its manifests has to be selected."""
        selected = [(text, ids & candidate.image_ids) for text, ids in self.drop]
        if candidate.image_ids == frozenset().union(*(ids for _, ids in selected)):
            return next(text for text, ids in selected if ids)
        if self.rules.is_untagged and not candidate.is_tagged:
            return UNTAGGED
        age = self.rules.unused_for
        if age is not None and candidate.used < age.before(self.now):
            return f"unused for {age.text}"
        return None if self.rules.is_selective else NOT_KEPT

    def _last(self, inventory: Inventory) -> dict[PruneCandidate, str]:
        """Return the names that are among the newest of a group."""
        number = self.rules.keep_last
        if number is None:
            return {}
        found: dict[PruneCandidate, str] = {}
        for label, members in _groups(inventory, self.rules.group_by):
            for each in _newest(inventory, members, number):
                reason = f"one of the last {number} of {label}"
                if len(members) > number and each.arrived[0] != each.arrived[1]:
                    reason = f"older than the catalog, order in {label} unknown"
                found.setdefault(each, reason)
        return found


def _groups(
    inventory: Inventory, fields: Collection[str]
) -> Iterator[tuple[str, Sequence[PruneCandidate]]]:
    """Yield each group with its label; an image of several platforms is in several groups."""
    by_platform = inventory.platforms() if "platform" in fields else {}
    groups: dict[tuple[str, ...], list[PruneCandidate]] = defaultdict(list)
    for each in inventory.candidates:
        repository = "<none>" if each.repository is None else each.repository or "this layout"
        parts = (repository,) if "repo" in fields else ()
        for platform in sorted(by_platform.get(each.key, ())) or ("",):
            groups[(*parts, *filter(None, [platform]))].append(each)
    for key, members in groups.items():
        yield " ".join(key) or "all", members


def _newest(
    inventory: Inventory, members: Sequence[PruneCandidate], number: int
) -> Iterator[PruneCandidate]:
    """Yield the members of which fewer than `number` others are known to be newer.

    Names that arrived at the same moment are ordered by when their images were made. The catalog
    does not know the order of names that are older than it: none of them is newer than another.
    """
    if len(members) <= number:
        yield from members
        return
    earliest = sorted(each.arrived[0] for each in members)
    made = _made(inventory, members)
    for each in members:
        newer = len(earliest) - bisect_right(earliest, each.arrived[1])
        same = made.get(each.arrived[1], []) if each.arrived[0] == each.arrived[1] else []
        if newer < number < newer + len(same):
            newer += len(same) - bisect_right(same, inventory.created(each))
        if newer < number:
            yield each


def _made(inventory: Inventory, members: Sequence[PruneCandidate]) -> dict[int, list[int]]:
    """Return the creation times of images whose names arrived at one known moment, sorted."""
    found: dict[int, list[int]] = defaultdict(list)
    moments = Counter(each.arrived[1] for each in members if each.arrived[0] == each.arrived[1])
    for each in members:
        if each.arrived[0] == each.arrived[1] and moments[each.arrived[1]] > 1:
            found[each.arrived[1]].append(inventory.created(each))
    return {moment: sorted(times) for moment, times in found.items()}
