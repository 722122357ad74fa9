"""Remove: take names out of index.json; blobs are the collector's business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachedb.errors import Refused
from cachedb.operations import adopt, find_root, usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout, Ref
    from cachedb.operations.find_root import Root


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalPlan:
    """The refs to remove, and the bytes that nothing will keep any longer."""

    roots: tuple[Root, ...]
    freed: int


def plan(catalog: Catalog, names: Sequence[str]) -> RemovalPlan:
    """Find the refs of these names; a name that is in index.json twice stands for both.

    Raises:
        RefNotFound: One of the names is not there; none is removed then.
        Refused: A digest was given that has no ref of its own.
    """
    with catalog.reading() as connection:
        found: dict[int, Root] = {}
        for name in names:
            roots = find_root.find_all(connection, name)
            refs = [root for root in roots if root.ref_id is not None]
            if not refs:
                raise Refused(
                    f"{name!r} is a blob that no name stands for",
                    hint="cachedb gc removes what nothing keeps",
                )
            found.update({root.ref_id: root for root in refs if root.ref_id is not None})
        return RemovalPlan(
            roots=tuple(found.values()), freed=usage.freed_by_removing(connection, list(found))
        )


def apply(plan: RemovalPlan, layout: Layout, catalog: Catalog) -> tuple[Root, ...]:
    """Remove the refs of a plan from index.json, in one write; returns those that were there.

    A ref that has come to mean another digest since the plan was made is left alone.
    """
    gone = {(root.name, root.digest) for root in plan.roots}

    def is_gone(ref: Ref) -> bool:
        return (ref.name, ref.descriptor.digest) in gone

    with layout.locking_names():
        adopt.reconcile(layout, catalog)
        index = layout.index()
        removed = {(r.name, r.descriptor.digest) for r in index.refs if is_gone(r)}
        if removed:
            layout.replace_index(index.without(is_gone))
            with catalog.writing() as connection:
                adopt.absorb(layout, connection, ())
    return tuple(root for root in plan.roots if (root.name, root.digest) in removed)
