"""Limits of size: removal of the least recently used images until a limit is met."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING

from cachedb.errors import Refused, StorageFailed
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cachedb.layout import Layout
    from cachedb.operations.prune.candidates import Inventory, PruneCandidate
    from cachedb.operations.prune.rules import PruneRules


class Reasons(Record):
    """Reasons of the names that a rule keeps, and of those that a rule removes."""

    kept: Mapping[PruneCandidate, str]
    """Reason for each candidate that a rule keeps."""
    removed: Mapping[PruneCandidate, str]
    """Reason for each candidate that a rule removes."""


class DiskSpace(Record):
    """Bytes of a file system: its capacity, and the space that is free for this user."""

    capacity: int
    free: int


def space(layout: Layout) -> DiskSpace:
    """Return capacity and free space of the file system of a layout.

    Raises:
        StorageFailed: The file system does not report them.
    """
    try:
        found = os.statvfs(layout.root)
    except OSError as error:
        raise StorageFailed.of(error, "ask the file system for its free space") from error
    return DiskSpace(
        capacity=found.f_blocks * found.f_frsize, free=found.f_bavail * found.f_frsize
    )


def least_recently_used(candidate: PruneCandidate) -> tuple[int, int, str, str]:
    """Return a sort key: last use, arrival, then the name, so that the order is total."""
    digest = str(candidate.roots[0].digest)
    return candidate.used, candidate.arrived[1], candidate.name or "", digest


def remove(
    inventory: Inventory,
    reasons: Reasons,
    gone: Sequence[tuple[PruneCandidate, str, int]],
    rules: PruneRules,
    disk: DiskSpace,
) -> list[tuple[PruneCandidate, str, int]]:
    """Remove images until every limit is met; return their names with reason and bytes.

    `gone` are the names that rules have removed before. All names of an image are removed
    together, since each of them reaches its content; an image with a name that a rule keeps stays.

    Raises:
        Refused: A limit cannot be met without removing what rules keep.
    """
    found: list[tuple[PruneCandidate, str, int]] = []
    reclaim = inventory.reclaim
    units = _units(inventory, reasons, [each for each, _, _ in gone])
    for text, most in _limits(inventory, rules, disk):
        while reclaim.live > most and units:
            for each in units.pop(0):
                freed = sum(reclaim.remove(root.blob_id) for root in each.roots)
                found.append((each, f"least recently used, {text}", freed))
        if reclaim.live > most:
            raise Refused(
                f"{text} cannot be met: what pins and rules keep has {reclaim.live} bytes,"
                f" {reclaim.live - most} more than the limit",
                hint="raise the limit, keep less, or cachedb ls is:pinned",
            )
    return _without_useless(inventory, found)


def _limits(inventory: Inventory, rules: PruneRules, disk: DiskSpace) -> Iterable[tuple[str, int]]:
    """Yield each limit as the number of bytes that names may reach."""
    if rules.max_size is not None:
        yield f"max-size {rules.max_size.text}", rules.max_size.of(disk.capacity)
    if rules.min_free is not None:
        wanted = rules.min_free.of(disk.capacity)
        freed = inventory.before - inventory.reclaim.live
        lacking = wanted - disk.free - freed
        yield f"min-free {rules.min_free.text}", max(inventory.reclaim.live - lacking, -1)


def _units(
    inventory: Inventory, reasons: Reasons, gone: Iterable[PruneCandidate]
) -> list[tuple[PruneCandidate, ...]]:
    """Group names that have a target in common, the least recently used group first.

    A group with a name that a rule keeps is omitted.
    """
    leader: dict[int, int] = {}

    def find(blob: int) -> int:
        while leader.setdefault(blob, blob) != blob:
            blob = leader[blob]
        return blob

    for each in inventory.candidates:
        first, *rest = (find(target) for target in each.targets)
        for other in rest:
            leader[find(other)] = find(first)
    groups: dict[int, list[PruneCandidate]] = defaultdict(list)
    for each in inventory.candidates:
        groups[find(next(iter(each.targets)))].append(each)
    removed = set(gone)
    units = [
        tuple(sorted((e for e in group if e not in removed), key=least_recently_used))
        for group in groups.values()
        if not any(each in reasons.kept for each in group)
    ]
    return sorted(filter(None, units), key=lambda unit: least_recently_used(unit[-1]))


def _without_useless(
    inventory: Inventory, found: list[tuple[PruneCandidate, str, int]]
) -> list[tuple[PruneCandidate, str, int]]:
    """Keep names whose content other names reach, since their removal frees nothing."""
    needed = []
    for each, reason, freed in found:
        if all(inventory.reclaim.is_live(target) for target in each.targets):
            for root in each.roots:
                inventory.reclaim.restore(root.blob_id)
        else:
            needed.append((each, reason, freed))
    return needed
