"""Collect garbage: remove what a plan names and nothing keeps still, and nothing else.

Blobs go to the trash first, parents before their children, and stay there for a while: a tool
that does not know our locks may have decided to reuse one of them, and adds the name only then.
A collection that is killed is undone by the next open.
"""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachedb.catalog.enums import Kind
from cachedb.catalog.user_state import leases
from cachedb.errors import CacheBusy, StorageFailed
from cachedb.layout.temporary_files import LEASES, STAGE, TRASH
from cachedb.operations.gc.cross_check import cross_check
from cachedb.operations.gc.mark import (
    Candidate,
    GCPlan,
    Litter,
    find_blobs,
    find_litter,
    leased_blobs,
)
from cachedb.operations.sync import reconcile
from cachedb.operations.sync.recover import (
    held_by_operations,
    restore_needed_locked,
    restore_run,
    undo_unfinished,
)

if TYPE_CHECKING:
    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout
    from cachedb.oci.digest import Digest

# A parent goes before its children, so that a crash leaves spare files and no broken image.
_ORDER = (
    Kind.INDEX, Kind.MANIFEST, Kind.ATTESTATION, Kind.CONFIG, Kind.OTHER, Kind.LAYER,
)  # fmt: skip
_MOST_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class GCReport:
    """What a collection has removed; `freed` is in bytes and counts everything.

    `quarantined` is what it has removed and not freed yet.
    """

    removed: tuple[Candidate, ...]
    freed: int
    quarantined: int = 0
    litter: tuple[Litter, ...] = ()


class _Needed(Exception):
    """A name or a lease is new, and what was decided may not be true any more."""


def apply(plan: GCPlan, layout: Layout, catalog: Catalog) -> GCReport:
    """Remove what a plan names and is garbage still; nothing that the plan does not name.

    Raises:
        UnreadableGraph: Part of what a ref reaches cannot be read; no blob is removed.
        CatalogMismatch: A document in the layout needs a blob that the catalog takes for garbage.
        CacheBusy: Another tool changes the names all the time; no blob is removed.
    """
    with layout.sweeping(), layout.locking_names():
        try:
            report = _collect(plan, layout, catalog)
        except StorageFailed:
            if not layout.release_reserve():
                raise
            report = _collect(plan, layout, catalog)
        layout.allocate_reserve()
    return report


def _collect(plan: GCPlan, layout: Layout, catalog: Catalog) -> GCReport:
    undo_unfinished(layout)
    reconcile.reconcile(layout, catalog)
    restore_needed_locked(layout, catalog)
    # First, because on a full disk nothing can be written before something is freed.
    litter = _clear(plan, layout, catalog)
    report = _remove(plan, layout, catalog)
    freed = report.freed + sum(each.size for each in litter)
    return GCReport(
        removed=report.removed, freed=freed, quarantined=report.quarantined, litter=litter
    )


def remove(plan: GCPlan, layout: Layout, catalog: Catalog) -> GCReport:
    """Remove the blobs of a plan as `apply` does, and leave everything else alone."""
    with layout.sweeping(), layout.locking_names():
        undo_unfinished(layout)
        reconcile.reconcile(layout, catalog)
        return _remove(plan, layout, catalog)


def _clear(plan: GCPlan, layout: Layout, catalog: Catalog) -> tuple[Litter, ...]:
    """Remove the litter of a plan that is litter still; returns what is gone."""
    with catalog.reading() as connection:
        held = held_by_operations(layout, connection)
    found = {each.path: each for each in find_litter(layout, plan.grace, plan.quarantine, held)}
    doomed = [each for each in plan.litter if found.get(each.path) == each]
    leftovers = {each.path: each for each in layout.temporary_files.find()}
    layout.clear_staging(kept=held)
    layout.remove_stale_leases()
    with suppress(StorageFailed), catalog.writing() as connection:
        leases.release_dead(connection, layout.active_leases())
    with layout.quarantine() as trash:
        for each in doomed:
            folder, _, name = each.path.rpartition("/")
            if folder == TRASH:
                trash.purge(name)
            elif folder not in {STAGE, LEASES}:
                layout.temporary_files.remove(leftovers[each.path])
    return tuple(doomed)


def _remove(plan: GCPlan, layout: Layout, catalog: Catalog) -> GCReport:
    named = {candidate.digest for candidate in plan.garbage}
    for _ in range(_MOST_ATTEMPTS):
        with catalog.reading() as connection:
            garbage, _spared = find_blobs(layout, connection, plan.grace)
            doomed = tuple(each for each in garbage if each.digest in named)
            cross_check(layout, connection, {each.digest: each.kind for each in doomed})
        try:
            freed, quarantined = _sweep(layout, catalog, doomed, plan.quarantine)
        except _Needed:
            reconcile.reconcile(layout, catalog)
            continue
        # Where there is no room for it, the next command brings the catalog in step.
        with suppress(StorageFailed), catalog.writing() as connection:
            reconcile.absorb(layout, connection, [each.digest for each in doomed])
        return GCReport(removed=doomed, freed=freed, quarantined=quarantined)
    raise CacheBusy("another program changes index.json all the time", hint="try again")


def _sweep(
    layout: Layout, catalog: Catalog, doomed: tuple[Candidate, ...], quarantine: float
) -> tuple[int, int]:
    """Withdraw blobs; returns the bytes that are free, and those that will be."""
    if not doomed:
        return 0, 0
    run = f"{int(time.time())}-{secrets.token_hex(4)}"
    names = layout.read_index_json()
    with layout.quarantine() as trash:
        try:
            for candidate in sorted(doomed, key=lambda c: _ORDER.index(c.kind)):
                trash.add(run, candidate.digest)
            trash.sync(run)
            _refuse_change(layout, names)
            _refuse_leases(layout, catalog, {each.digest for each in doomed})
        except BaseException:
            restore_run(trash, run)
            raise
        run = trash.finish(run)
        if quarantine == 0:
            return trash.purge(run), 0
    return 0, sum(candidate.size for candidate in doomed)


def _refuse_change(layout: Layout, names: bytes) -> None:
    if layout.read_index_json() != names:
        raise _Needed


def _refuse_leases(layout: Layout, catalog: Catalog, gone: set[Digest]) -> None:
    """Refuse to take what an operation has begun to need since it was decided.

    It says in its lease what it needs before it looks whether that is there: what it says later
    than this it will not find.
    """
    with catalog.reading() as connection:
        if not gone.isdisjoint(leased_blobs(layout, connection).values()):
            raise _Needed
