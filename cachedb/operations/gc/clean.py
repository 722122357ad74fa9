"""Removal of every name that is not pinned, and every blob that no running operation holds.

The layout stays a layout, and other files in its folder stay where they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog.statement import many
from cachedb.catalog.statements import refs
from cachedb.layout.index_json import IndexJson
from cachedb.operations.gc import mark, pins, sweep
from cachedb.operations.sync import history, reconcile
from cachedb.operations.sync.locked_names import after_names, locking_names

if TYPE_CHECKING:
    from collections.abc import Collection

    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout
    from cachedb.layout.index_json import Ref


def clean(layout: Layout, catalog: Catalog) -> sweep.GCReport:
    """Remove every entry but the pinned ones, unreadable ones too, then blobs without a lease.

    Entries without a name of artifacts that refer to a pinned image stay with it.
    """
    with locking_names(layout, catalog):
        reconcile.reconcile(layout, catalog)
        history.bring_up_to_date(layout, catalog)  # pinned since the plan was made
        before = layout.index()
        with catalog.reading() as connection:
            pinned = pins.pinned_keys(before, history.pins(connection))
            ids = connection.values(refs.PINNED)
            about = {row.digest for row in connection.rows(refs.UNNAMED_REFERRERS, ids=many(ids))}
        kept = IndexJson(
            entries=tuple(
                entry
                for entry in before.entries
                if entry.ref is not None and _stays(entry.ref, pinned, about)
            ),
            rest=before.rest,
        )
        layout.replace_index(pins.restored(kept, pinned))
        with after_names(), catalog.writing() as connection:
            reconcile.absorb(layout, connection, ())
    report = sweep.sweep(mark.plan(layout, catalog, grace=0), layout, catalog)
    names = {ref.name for ref in before.refs} - {ref.name for ref in kept.refs} - {None}
    history.record(layout, catalog, history.CLEAN, names=filter(None, names), size=report.freed)
    return report


def _stays(ref: Ref, pinned: Collection[str], about: Collection[str]) -> bool:
    if pins.key_of(ref) in pinned:
        return True
    return ref.name is None and str(ref.descriptor.digest) in about
