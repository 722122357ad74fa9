"""Bytes that removing refs one after the other frees, counted as a reference counter does.

The count of a blob is the number of refs that have it as their target, and of reachable documents
that own it. Removing a ref decrements the count of its target; a blob whose count falls to 0 is
free, and decrements the counts of its children. Each edge is followed once at most, however many
refs are removed: the cost is that of one mark phase. An artifact and its ``subject`` keep each
other, so that they are counted as one blob, with the documents between them.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from cachedb.operations.read.content import OwnershipGraph


class Reclaim:
    """Reference counts of the blobs that some refs reach.

    `targets` has the target of each ref, `subjects` the subject of each artifact that has one.
    """

    def __init__(
        self,
        graph: OwnershipGraph,
        targets: Collection[int],
        subjects: Iterable[tuple[int, int]],
    ) -> None:
        self._sizes = graph.sizes
        self._children: Mapping[int, Sequence[int]] = graph.children
        self._one: dict[int, int] = {}
        self._merge_cycles(graph, subjects)
        self._counts: dict[int, int] = defaultdict(int)
        self.live: int = 0
        """Bytes that the remaining refs reach."""
        self._count(targets)

    def remove(self, target: int) -> int:
        """Remove one ref with a target; return the bytes that become unreferenced."""
        freed = 0
        released = [self._one.get(target, target)]
        while released:
            blob = released.pop()
            self._counts[blob] -= 1
            if self._counts[blob] == 0:
                freed += self._sizes.get(blob, 0)
                released += self._owned(blob)
        self.live -= freed
        return freed

    def restore(self, target: int) -> None:
        """Undo the removal of a ref whose target other refs reach, which frees nothing."""
        self._counts[self._one.get(target, target)] += 1

    def is_live(self, blob: int) -> bool:
        """Return whether a ref that has not been removed reaches a blob."""
        return self._counts[self._one.get(blob, blob)] > 0

    def _count(self, targets: Iterable[int]) -> None:
        pending = [self._one.get(target, target) for target in targets]
        while pending:
            blob = pending.pop()
            self._counts[blob] += 1
            if self._counts[blob] == 1:
                self.live += self._sizes.get(blob, 0)
                pending += self._owned(blob)

    def _owned(self, blob: int) -> Collection[int]:
        children = self._children.get(blob, ())
        if not self._one:
            return children
        owned = (self._one.get(child, child) for child in children)
        return [child for child in owned if child != blob]

    def _merge_cycles(self, graph: OwnershipGraph, subjects: Iterable[tuple[int, int]]) -> None:
        """Merge each artifact and its subject into one blob, with their sizes and children."""
        groups: dict[int, set[int]] = {}
        for artifact, subject in subjects:
            pair = {artifact, subject}
            cycle = {
                blob for blob in graph.content(pair) if not pair.isdisjoint(graph.content([blob]))
            }
            for group in {
                id(groups[blob]): groups[blob] for blob in cycle if blob in groups
            }.values():
                cycle |= group
            groups.update(dict.fromkeys(cycle, cycle))
        if groups:
            sizes, children = dict(self._sizes), dict(self._children)
            for group in {id(group): group for group in groups.values()}.values():
                first = min(group)
                self._one.update(dict.fromkeys(group, first))
                sizes[first] = sum(graph.sizes.get(blob, 0) for blob in group)
                owned = {child for blob in group for child in graph.children.get(blob, ())}
                children[first] = tuple(sorted(owned - group))
            self._sizes, self._children = sizes, children
