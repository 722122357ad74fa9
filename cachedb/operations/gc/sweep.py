"""Sweep phase of garbage collection: delete planned blobs that are still unreferenced.

Blobs are quarantined first, parents before children: a tool that takes no lock of cachedb may have
decided to reuse one of them, and adds its name only then. A killed collection is undone by the
next open.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from cachedb.catalog.enums import Kind
from cachedb.catalog.files.removal import forget_removed
from cachedb.catalog.user_state import leases
from cachedb.errors import CacheBusy, StorageFailed
from cachedb.layout.temporary_files import LEASES, STAGE, TRASH
from cachedb.operations.gc.cross_check import cross_check, is_unchanged
from cachedb.operations.gc.mark import (
    Candidate,
    GCPlan,
    Leftover,
    find_blobs,
    find_leftovers,
    leased_blobs,
)
from cachedb.operations.sync import history, reconcile
from cachedb.operations.sync.freshness import is_derived_from_files
from cachedb.operations.sync.locked_names import locking_names
from cachedb.operations.sync.recover import (
    held_by_operations,
    restore_needed_locked,
    restore_run,
    undo_unfinished,
)
from cachedb.records import Record, brief_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.feedback.progress import Task
    from cachedb.layout import Layout
    from cachedb.oci.digest import Digest

# A parent is removed before its children: a crash leaves spare files and no broken image.
_ORDER = (
    Kind.INDEX, Kind.MANIFEST, Kind.ATTESTATION, Kind.CONFIG, Kind.OTHER, Kind.LAYER,
)  # fmt: skip
_MOST_ATTEMPTS = 5
# Blobs between two reports of progress.
_STEP = 500


class GCReport(Record):
    """Result of a collection; `freed` is in bytes, leftovers included.

    `quarantined` is the number of removed bytes that are not free yet.
    """

    removed: tuple[Candidate, ...]
    freed: int
    quarantined: int = 0
    leftovers: tuple[Leftover, ...] = ()

    __repr__ = brief_repr


class _Needed(Exception):
    """A name or a lease was added since the blobs were selected."""


def apply(plan: GCPlan, layout: Layout, catalog: Catalog) -> GCReport:
    """Sweep, and record the collection in the history; raises as `sweep` does."""
    report = sweep(plan, layout, catalog)
    if report.removed or report.leftovers:
        size = report.freed + report.quarantined
        history.record(layout, catalog, history.COLLECT, size=size)
    return report


def sweep(plan: GCPlan, layout: Layout, catalog: Catalog) -> GCReport:
    """Remove the blobs and leftovers of a plan that are still garbage, and nothing else.

    Raises:
        UnreadableGraph: Part of what a ref reaches cannot be read; no blob is removed.
        CatalogMismatch: A document in the layout needs a blob that the catalog takes for garbage.
        CacheBusy: Another tool changes the names repeatedly, or another host collects; no blob is
            removed.
    """
    with (
        layout.sweeping(),
        locking_names(layout, catalog),
        catalog.collecting() as check,
    ):
        try:
            report = _collect(plan, layout, catalog, check)
        except StorageFailed:
            if not layout.release_reserve():
                raise
            report = _collect(plan, layout, catalog, check)
        layout.allocate_reserve()
    forget_removed(catalog)
    return report


def _collect(
    plan: GCPlan, layout: Layout, catalog: Catalog, check: Callable[[Connection], None]
) -> GCReport:
    undo_unfinished(layout)
    _reconcile(plan, layout, catalog)
    restore_needed_locked(layout, catalog)
    # First, because a full disk accepts writes only after space has been freed.
    leftovers = _clear(plan, layout, catalog)
    report = _remove(plan, layout, catalog, check)
    freed = report.freed + sum(each.size for each in leftovers)
    return GCReport(
        removed=report.removed, freed=freed, quarantined=report.quarantined, leftovers=leftovers
    )


def remove(plan: GCPlan, layout: Layout, catalog: Catalog) -> GCReport:
    """Remove the blobs of a plan as `apply` does, and no leftovers."""
    with (
        layout.sweeping(),
        locking_names(layout, catalog),
        catalog.collecting() as check,
    ):
        undo_unfinished(layout)
        _reconcile(plan, layout, catalog)
        report = _remove(plan, layout, catalog, check)
    forget_removed(catalog)
    return report


def _reconcile(plan: GCPlan, layout: Layout, catalog: Catalog) -> None:
    """Reconcile, unless the rows of the plan are those of the files as they are now.

    A reconciliation would record that proof in the catalog, which the plan then no longer matches.
    """
    with catalog.reading() as connection:
        is_current = _is_of(plan, catalog) and is_derived_from_files(layout, connection)
    if not is_current:
        reconcile.reconcile(layout, catalog)


def _is_of(plan: GCPlan, catalog: Catalog) -> bool:
    """Return whether nothing has been written to the catalog since a plan was made."""
    return plan.basis is not None and plan.basis == catalog.mark()


def _clear(plan: GCPlan, layout: Layout, catalog: Catalog) -> tuple[Leftover, ...]:
    """Remove the leftovers of a plan that are still abandoned; return those removed."""
    with catalog.reading() as connection:
        held = held_by_operations(layout, connection)
    # Found again only if some are to be removed, since that lists the directories of blobs.
    again = find_leftovers(layout, plan.grace, plan.quarantine, held) if plan.leftovers else ()
    found = {each.path: each for each in again}
    selected = [each for each in plan.leftovers if found.get(each.path) == each]
    leftovers = {each.path: each for each in layout.temporary_files.find()} if selected else {}
    layout.clear_staging(kept=held)
    layout.remove_stale_leases()
    with suppress(StorageFailed), catalog.writing() as connection:
        leases.release_dead(connection, layout.active_leases())
    with layout.quarantine() as store:
        for each in selected:
            folder, _, name = each.path.rpartition("/")
            if folder == TRASH:
                store.purge(name)
            elif folder not in {STAGE, LEASES}:
                layout.temporary_files.remove(leftovers[each.path])
    return tuple(selected)


def _remove(
    plan: GCPlan, layout: Layout, catalog: Catalog, check: Callable[[Connection], None]
) -> GCReport:
    named = {candidate.digest for candidate in plan.garbage}
    if not named:
        return GCReport(removed=(), freed=0)
    selected = _unchanged(plan, layout, catalog)
    for _ in range(_MOST_ATTEMPTS):
        if selected is None:
            selected = _selected(plan, named, layout, catalog)
        try:
            freed, quarantined = _sweep(layout, catalog, selected, plan.quarantine, check)
        except _Needed:
            reconcile.reconcile(layout, catalog)
            selected = None
            continue
        # Without room for it, the next command reconciles the catalog.
        with suppress(StorageFailed), catalog.writing_unchecked() as connection:
            reconcile.absorb_removal(layout, connection, [each.digest for each in selected])
        return GCReport(removed=selected, freed=freed, quarantined=quarantined)
    raise CacheBusy("another program keeps changing index.json", hint="try again")


def _unchanged(plan: GCPlan, layout: Layout, catalog: Catalog) -> tuple[Candidate, ...] | None:
    """Return the blobs of a plan if neither files nor catalog have changed since it was made.

    They have been checked against the files then. The catalog is up to date, so that another name
    or file would have changed it; a document that was written in place has another time.
    """
    if plan.basis is None:
        return None
    gone = {each.digest for each in (*plan.garbage, *plan.spared)}
    with catalog.reading() as connection:
        leased = leased_blobs(layout, connection).values()
        is_same = _is_of(plan, catalog) and gone.isdisjoint(leased)
        return plan.garbage if is_same and is_unchanged(layout, connection, gone) else None


def _selected(
    plan: GCPlan, named: set[Digest], layout: Layout, catalog: Catalog
) -> tuple[Candidate, ...]:
    """Return the blobs of a plan that are unreferenced now, checked against the files again."""
    with catalog.reading() as connection:
        garbage, spared = find_blobs(layout, connection, plan.grace)
        selected = tuple(each for each in garbage if each.digest in named)
        others = tuple(each for each in garbage if each.digest not in named)
        cross_check(layout, connection, selected, (*spared, *others))
    return selected


def _sweep(
    layout: Layout,
    catalog: Catalog,
    selected: tuple[Candidate, ...],
    quarantine: float,
    check: Callable[[Connection], None],
) -> tuple[int, int]:
    """Quarantine blobs; return the bytes that are free, and those that will be."""
    if not selected:
        return 0, 0
    run = f"{int(time.time())}-{os.urandom(4).hex()}"
    names = layout.read_index_json()
    with layout.quarantine() as store:
        try:
            ordered = sorted(selected, key=lambda candidate: _ORDER.index(candidate.kind))
            with layout.progress.task("collect", len(ordered), "blobs") as task:
                store.add(run, _counted(ordered, task))
            store.sync(run)
            _refuse_change(layout, names)
            _refuse_leases(layout, catalog, {each.digest for each in selected}, check)
        # Not at Ctrl-C: the next command that writes undoes the run, as it does after a kill.
        except Exception:
            restore_run(store, run)
            raise
        run = store.finish(run)
        if quarantine == 0:
            return store.purge(run), 0
    return 0, sum(candidate.size for candidate in selected)


def _counted(ordered: Sequence[Candidate], task: Task) -> Iterator[Digest]:
    for start in range(0, len(ordered), _STEP):
        portion = ordered[start : start + _STEP]
        for candidate in portion:
            yield candidate.digest
        task.advance(len(portion))


def _refuse_change(layout: Layout, names: bytes) -> None:
    if layout.read_index_json() != names:
        raise _Needed


def _refuse_leases(
    layout: Layout, catalog: Catalog, gone: set[Digest], check: Callable[[Connection], None]
) -> None:
    """Refuse to remove blobs that the lease of an operation names since they were selected.

    An operation writes its lease before it looks for the blobs in it: one that writes it after
    this check does not find them. A collection that was replaced removes nothing.
    """
    with catalog.reading() as connection:
        check(connection)
        if not gone.isdisjoint(leased_blobs(layout, connection).values()):
            raise _Needed
