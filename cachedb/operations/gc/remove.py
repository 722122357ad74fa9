"""Remove: take names out of index.json; blobs are the collector's business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachedb.errors import Refused
from cachedb.operations.read import usage
from cachedb.operations.sync import reconcile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.errors import NotFound
    from cachedb.layout import Layout, Ref
    from cachedb.operations.read.resolve import Root


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalPlan:
    """The refs to remove, and the bytes that nothing will keep any longer.

    `absent` says of names that were to be removed that they are not there.
    """

    roots: tuple[Root, ...]
    freed: int
    absent: tuple[NotFound, ...] = ()

    @property
    def ref_ids(self) -> frozenset[int]:
        """The refs by their ids in the catalog."""
        return frozenset(root.ref_id for root in self.roots if root.ref_id is not None)


def plan(
    catalog: Catalog, roots: Sequence[Root], absent: tuple[NotFound, ...] = ()
) -> RemovalPlan:
    """Find out what removing these refs would free.

    Raises:
        Refused: One of them is a blob that has no ref of its own.
    """
    found: dict[int, Root] = {}
    for root in roots:
        if root.ref_id is None:
            raise Refused(
                f"{root.digest} is a blob that no name stands for",
                hint="cachedb gc removes what nothing keeps",
            )
        found[root.ref_id] = root
    with catalog.reading() as connection:
        freed = usage.freed_by_removing(connection, list(found))
    return RemovalPlan(roots=tuple(found.values()), freed=freed, absent=absent)


def apply(plan: RemovalPlan, layout: Layout, catalog: Catalog) -> tuple[Root, ...]:
    """Remove the refs of a plan from index.json, in one write; returns those that were there.

    A ref that has come to mean another digest since the plan was made is left alone.
    """
    gone = {(root.name, root.digest) for root in plan.roots}

    def is_gone(ref: Ref) -> bool:
        return (ref.name, ref.descriptor.digest) in gone

    with layout.locking_names():
        reconcile.reconcile(layout, catalog)
        index = layout.index()
        removed = {(r.name, r.descriptor.digest) for r in index.refs if is_gone(r)}
        if removed:
            layout.replace_index(index.without(is_gone))
            with catalog.writing() as connection:
                reconcile.absorb(layout, connection, ())
    return tuple(root for root in plan.roots if (root.name, root.digest) in removed)
