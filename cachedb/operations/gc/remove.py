"""Remove: take names out of index.json; blobs are the collector's business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachedb.errors import Refused
from cachedb.operations.gc import weak_roots
from cachedb.operations.read import usage
from cachedb.operations.sync import reconcile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.statements.refs import ReferrerRow
    from cachedb.errors import NotFound
    from cachedb.layout import Layout, Ref
    from cachedb.oci import Digest
    from cachedb.operations.read.resolve import Root


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalPlan:
    """The refs to remove, and the bytes that nothing will keep any longer.

    `absent` says of names that were to be removed that they are not there.
    """

    roots: tuple[Root, ...]
    freed: int
    absent: tuple[NotFound, ...] = ()
    weak: tuple[ReferrerRow, ...] = ()

    @property
    def ref_ids(self) -> frozenset[int]:
        """The refs by their ids in the catalog, with the weak roots that are removed with them."""
        named = (root.ref_id for root in self.roots if root.ref_id is not None)
        return frozenset([*named, *(row.id for row in self.weak)])


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
        weak = weak_roots.orphaned(connection, found)
        freed = usage.freed_by_removing(connection, [*found, *(row.id for row in weak)])
    return RemovalPlan(roots=tuple(found.values()), freed=freed, absent=absent, weak=tuple(weak))


def apply(plan: RemovalPlan, layout: Layout, catalog: Catalog) -> tuple[Root, ...]:
    """Remove the refs of a plan from index.json, in one write; return those that were there.

    A ref that has come to mean another digest since the plan was made is left alone. Weak roots
    that no ref reaches any longer are removed in the same write.
    """
    planned = {(root.name, root.digest): root.ref_id for root in plan.roots}
    with layout.locking_names():
        reconcile.reconcile(layout, catalog)
        index = layout.index()
        removed = {_key(ref) for ref in index.refs} & planned.keys()
        if removed:
            with catalog.reading() as connection:
                ids = [key for name in removed if (key := planned[name]) is not None]
                weak = {row.digest for row in weak_roots.orphaned(connection, ids)}
            layout.replace_index(
                index.without(
                    lambda ref: (
                        _key(ref) in removed
                        or (ref.name is None and ref.descriptor.digest in weak)
                    )
                )
            )
            with catalog.writing() as connection:
                reconcile.absorb(layout, connection, ())
    return tuple(root for root in plan.roots if (root.name, root.digest) in removed)


def _key(ref: Ref) -> tuple[str | None, Digest]:
    return ref.name, ref.descriptor.digest
