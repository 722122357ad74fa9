"""Removal of names together with the blobs that only they referenced.

linuxkit's Remove without its faults: a blob that another name, a referrer of a remaining image, or
a running operation needs is kept, and blobs that were unreferenced before stay for the collector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog.statement import many
from cachedb.catalog.statements import garbage
from cachedb.operations.gc import mark, remove, sweep

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout
    from cachedb.operations.read.resolve import Root


def discard(layout: Layout, catalog: Catalog, roots: Sequence[Root]) -> sweep.GCReport:
    """Remove refs, and the blobs that are unreferenced without them.

    Raises:
        Refused: One of them is a blob that has no ref of its own.
        UnreadableGraph: The names are removed, but no blob, because part of the reachable content
        cannot be read.
    """
    plan = remove.plan(catalog, roots)
    alone = _kept_by_nothing_else(catalog, plan.ref_ids)
    remove.apply(plan, layout, catalog)
    found = mark.plan(layout, catalog, grace=0)
    selected = tuple(each for each in found.garbage if each.digest in alone)
    return sweep.remove(found.replace(garbage=selected), layout, catalog)


def _kept_by_nothing_else(catalog: Catalog, refs: Collection[int]) -> set[str]:
    with catalog.reading() as connection:
        return set(connection.values(garbage.EXCLUSIVE, refs=many(refs)))
