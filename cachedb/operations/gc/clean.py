"""Removal of every name and every blob that no running operation holds.

The layout stays a layout, and other files in its folder stay where they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.layout import IndexJson
from cachedb.operations.gc import mark, sweep
from cachedb.operations.sync import reconcile

if TYPE_CHECKING:
    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout


def clean(layout: Layout, catalog: Catalog) -> sweep.GCReport:
    """Remove every entry, unreadable ones too, then every blob without a lease."""
    with layout.locking_names():
        reconcile.reconcile(layout, catalog)
        layout.replace_index(IndexJson(entries=(), rest=layout.index().rest))
        with catalog.writing() as connection:
            reconcile.absorb(layout, connection, ())
    return sweep.apply(mark.plan(layout, catalog, grace=0), layout, catalog)
