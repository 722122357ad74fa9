"""Collect garbage: find what nothing keeps, and remove that and nothing else.

A blob stays while a ref, a referrer of something that stays, or a running operation holds it, and
while its file is younger than the grace, since another tool may have written it for a name that it
is about to add. When any part of the graph that a ref reaches cannot be read, nothing is removed.
"""

from __future__ import annotations

import re
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import select

from cachedb.catalog import graph, leases, statements
from cachedb.catalog.ingest import chunks
from cachedb.catalog.schema import Kind, blob
from cachedb.errors import (
    BlobNotFound,
    CacheBusy,
    CatalogMismatch,
    CorruptBlob,
    LimitExceeded,
    UnreadableGraph,
)
from cachedb.layout.blobs import path_of
from cachedb.limits import MANIFEST_BYTES
from cachedb.oci.digest import Digest
from cachedb.oci.manifest import Role
from cachedb.oci.salvage import salvage
from cachedb.operations import adopt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout
    from cachedb.layout.trash import Trash

GRACE_SECONDS = 3600.0
_DIGEST = re.compile(rb"sha(?:256|384|512):[0-9a-f]{64,128}")
# A parent goes before its children, so that a crash leaves spare files and no broken image.
_ORDER = (Kind.INDEX, Kind.MANIFEST, Kind.ATTESTATION, Kind.CONFIG, Kind.OTHER, Kind.LAYER)


class Reason(StrEnum):
    """Why a blob that no ref reaches is kept, or is not."""

    UNREACHABLE = "no name leads to it"
    YOUNG = "it is younger than the grace"
    LEASED = "a running operation holds it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A blob that no ref reaches, and what is to be done with it."""

    digest: Digest
    size: int
    kind: Kind
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class GCPlan:
    """What a collection would remove, and what it would spare although nothing reaches it."""

    garbage: tuple[Candidate, ...]
    spared: tuple[Candidate, ...]
    grace: float

    @property
    def size(self) -> int:
        """The bytes that removing the garbage frees."""
        return sum(candidate.size for candidate in self.garbage)


@dataclass(frozen=True, slots=True, kw_only=True)
class GCReport:
    """What a collection has removed; `freed` is in bytes and counts the stage as well."""

    removed: tuple[Candidate, ...]
    freed: int


def plan(layout: Layout, catalog: Catalog, *, grace: float = GRACE_SECONDS) -> GCPlan:
    """Find every blob that nothing keeps; `grace` is in seconds.

    Raises:
        UnreadableGraph: Part of what a ref reaches cannot be read.
    """
    living = layout.living_leases() if layout.is_writable else set()
    with catalog.reading() as connection:
        return _plan(layout, connection, grace, living)


def apply(plan: GCPlan, layout: Layout, catalog: Catalog) -> GCReport:
    """Remove the garbage of a plan that is garbage still; nothing that the plan does not name.

    Blobs are withdrawn into the trash, parents first, the names are read once more, and only then
    are the files removed. A collection that is killed on the way is undone by the next open.

    Raises:
        UnreadableGraph: Part of what a ref reaches cannot be read; nothing is removed.
        CatalogMismatch: A document in the layout needs a blob that the catalog takes for garbage.
        CacheBusy: Another tool changed the names meanwhile; everything has been given back.
    """
    with layout.sweeping(), layout.locking_names():
        _undo(layout)
        adopt.reconcile(layout, catalog)
        # First, because on a full disk nothing can be written before something is freed.
        freed = _clear_stage(layout, catalog)
        layout.bury_leases()
        report = _remove(plan, layout, catalog)
    return GCReport(removed=report.removed, freed=freed + report.freed)


def remove(plan: GCPlan, layout: Layout, catalog: Catalog) -> GCReport:
    """Remove the garbage of a plan as `apply` does, and leave alone what is on the stage."""
    with layout.sweeping(), layout.locking_names():
        _undo(layout)
        adopt.reconcile(layout, catalog)
        return _remove(plan, layout, catalog)


def _remove(plan: GCPlan, layout: Layout, catalog: Catalog) -> GCReport:
    named = {candidate.digest for candidate in plan.garbage}
    living = layout.living_leases()
    with catalog.writing() as connection:
        leases.release_dead(connection, living)
        fresh = _plan(layout, connection, plan.grace, living)
        doomed = tuple(c for c in fresh.garbage if c.digest in named)
        _cross_check(layout, connection, {c.digest for c in doomed})
    return GCReport(removed=doomed, freed=_sweep(layout, catalog, doomed))


def recover(layout: Layout) -> None:
    """Give back what a collection that was killed had withdrawn; one that runs is left alone."""
    with layout.trash() as trash:
        if not trash.runs():
            return
    with suppress(CacheBusy), layout.sweeping(patience=0):
        _undo(layout)


def clear_stage(layout: Layout, catalog: Catalog) -> int:
    """Remove what operations that are gone have left on the stage; returns the bytes freed."""
    with layout.sweeping():
        return _clear_stage(layout, catalog)


def _clear_stage(layout: Layout, catalog: Catalog) -> int:
    with catalog.reading() as connection:
        held = leases.held_by(connection, layout.living_leases())
    with layout.stage() as stage:
        return stage.clear(kept=held)


def _undo(layout: Layout) -> None:
    with layout.trash() as trash:
        for run in trash.runs():
            _give_back(trash, run)


def _sweep(layout: Layout, catalog: Catalog, doomed: tuple[Candidate, ...]) -> int:
    if not doomed:
        return 0
    run = f"{int(time.time())}-{secrets.token_hex(4)}"
    names = layout.read_index_json()
    with layout.trash() as trash:
        try:
            for candidate in sorted(doomed, key=lambda c: _ORDER.index(c.kind)):
                trash.take(run, candidate.digest)
            trash.settle(run)
            _refuse_change(layout, names)
            with catalog.writing() as connection:
                adopt.absorb(layout, connection, [candidate.digest for candidate in doomed])
        except BaseException:
            _give_back(trash, run)
            raise
        return trash.purge(run)


def _refuse_change(layout: Layout, names: bytes) -> None:
    if layout.read_index_json() != names:
        raise CacheBusy("another program changed index.json during the collection")


def _give_back(trash: Trash, run: str) -> None:
    for digest in trash.blobs(run):
        trash.give_back(run, digest)
    trash.settle(run)
    trash.purge(run)


def _plan(layout: Layout, connection: Connection, grace: float, living: set[str]) -> GCPlan:
    _refuse_unreadable(layout, connection)
    leased = _leased(connection, living)
    horizon = time.time_ns() - int(grace * 1e9)
    garbage: list[Candidate] = []
    spared: list[Candidate] = []
    for key, digest, size, kind, touched in connection.execute(statements.unreachable_files()):
        if key in leased:
            reason = Reason.LEASED
        elif touched is not None and touched > horizon:
            reason = Reason.YOUNG
        else:
            reason = Reason.UNREACHABLE
        candidate = Candidate(
            digest=Digest.declared(digest), size=size, kind=Kind(kind), reason=reason
        )
        (garbage if reason is Reason.UNREACHABLE else spared).append(candidate)
    return GCPlan(garbage=tuple(garbage), spared=tuple(spared), grace=grace)


def _refuse_unreadable(layout: Layout, connection: Connection) -> None:
    problems = layout.index().problems
    if problems:
        raise UnreadableGraph("", problems[0], "index.json")
    found = connection.execute(statements.unreadable_and_live()).first()
    if found is not None:
        digest = Digest.declared(found.digest)
        raise UnreadableGraph(digest, found.problem or "it is corrupt", path_of(digest))


def _leased(connection: Connection, living: set[str]) -> set[int]:
    """Return the ids of what the leases of running operations hold, with all that it contains."""
    found: set[int] = set()
    for batch in chunks(sorted(leases.held_by(connection, living))):
        seed = select(blob.c.id).where(blob.c.digest.in_(batch))
        found.update(connection.scalars(select(graph.descendants(seed, "leased").c.id)))
    return found


def _cross_check(layout: Layout, connection: Connection, doomed: set[Digest]) -> None:
    """Hold the catalog against the files before anything is removed.

    The catalog is derived, and a fault in it must not cost a blob. Every document that stays is
    read again, as text; only one that mentions a doomed digest is parsed.
    """
    if not doomed:
        return
    texts = {digest.encode() for digest in doomed}
    live = graph.reachable("live")
    documents = select(blob.c.digest).where(
        blob.c.id.in_(select(live.c.id)),
        blob.c.kind.in_([int(Kind.INDEX), int(Kind.MANIFEST), int(Kind.ATTESTATION)]),
    )
    for digest in map(Digest.declared, connection.scalars(documents)):
        try:
            content = layout.blobs.read(digest, MANIFEST_BYTES)
        except BlobNotFound:
            continue
        except (CorruptBlob, LimitExceeded) as error:
            raise UnreadableGraph(digest, str(error), path_of(digest)) from error
        if texts.isdisjoint(_DIGEST.findall(content)):
            continue
        for child in _owned(content):
            if child in doomed:
                raise CatalogMismatch(
                    f"{path_of(digest)} needs {child}, which the catalog takes for garbage",
                    hint="cachedb doctor --rebuild",
                )


def _owned(content: bytes) -> Iterator[Digest]:
    for child in salvage(content).children():
        if child.role is not Role.SUBJECT:
            yield child.descriptor.digest
