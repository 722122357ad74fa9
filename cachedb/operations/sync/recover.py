"""Recovery from interrupted operations: restore quarantined blobs, clear the staging area.

A blob is in quarantine between the rename that takes it out of ``blobs/`` and its deletion
(store-protocol: mark, withdraw, recheck, delete). The next open or collection undoes a collection
that ended in between.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from cachedb.catalog.statements import blobs
from cachedb.catalog.user_state import leases
from cachedb.errors import CacheBusy
from cachedb.operations.sync import reconcile
from cachedb.operations.sync.locked_names import locking_names

if TYPE_CHECKING:
    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.layout import Layout
    from cachedb.layout.quarantine import Quarantine


def undo_killed_sweeps(layout: Layout) -> None:
    """Restore the blobs that a killed collection had quarantined, unless one is running."""
    with layout.quarantine() as quarantine:
        if not quarantine.runs():
            return
    with suppress(CacheBusy), layout.sweeping(timeout=0):
        undo_unfinished(layout)


def undo_sweeps(layout: Layout) -> None:
    """Restore what sweeps have quarantined and not removed; wait for one that is running.

    A sweep that runs restores the blobs of a lease itself, if it finds the lease in time.

    Raises:
        CacheBusy: A sweep takes too long.
    """
    with layout.quarantine() as quarantine:
        if not quarantine.runs():
            return
    with layout.sweeping():
        undo_unfinished(layout)


def undo_unfinished(layout: Layout) -> None:
    """Restore every blob of sweeps that did not finish; the caller holds the sweep lock."""
    with layout.quarantine() as quarantine:
        for run in quarantine.runs():
            restore_run(quarantine, run)


def restore_run(quarantine: Quarantine, run: str) -> None:
    """Restore every blob of one sweep and delete its folder."""
    for digest in quarantine.blobs(run):
        quarantine.restore(run, digest)
    quarantine.sync(run)
    quarantine.purge(run)


def restore_needed(layout: Layout, catalog: Catalog) -> None:
    """Restore quarantined blobs that a name references again; the catalog is up to date.

    Costs one listing of an empty directory if the quarantine is empty.
    """
    with layout.quarantine() as quarantine:
        removed = {digest for run in quarantine.finished() for digest in quarantine.blobs(run)}
    if removed and not removed.isdisjoint(_needed(catalog)):
        # A collection that holds the lock now restores them itself.
        with suppress(CacheBusy), layout.sweeping(timeout=0), locking_names(layout, catalog):
            restore_needed_locked(layout, catalog)


def restore_needed_locked(layout: Layout, catalog: Catalog) -> None:
    """Restore the blobs that refs need, and those that restored documents need."""
    with layout.quarantine() as quarantine:
        runs = quarantine.finished()
        while runs:
            needed = _needed(catalog)
            found = [(run, d) for run in runs for d in quarantine.blobs(run) if d in needed]
            if not found:
                return
            for run, digest in found:
                quarantine.restore(run, digest)
            for run in {run for run, _ in found}:
                quarantine.sync(run)
            reconcile.reconcile(layout, catalog)


def clear_staging(layout: Layout, catalog: Catalog) -> int:
    """Delete staged files of operations that have ended; return the bytes freed."""
    with layout.sweeping():
        return _clear_stage(layout, catalog)


def _clear_stage(layout: Layout, catalog: Catalog) -> int:
    with catalog.reading() as connection:
        held = held_by_operations(layout, connection)
    return layout.clear_staging(kept=held)


def held_by_operations(layout: Layout, connection: Connection) -> set[str]:
    """Return the digests that the leases of running operations hold."""
    living = layout.active_leases if layout.is_writable else frozenset
    return leases.held_by(connection, living)


def _needed(catalog: Catalog) -> set[str]:
    """Return the digests that refs reach and that have no file."""
    with catalog.reading() as connection:
        return set(connection.values(blobs.REACHABLE_WITHOUT_FILE))
