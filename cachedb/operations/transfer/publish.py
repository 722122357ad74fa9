"""Publication: staged blobs into the layout, names into index.json, both into the catalog.

The order makes a crash harmless: children before parents, the name last. At every instant, content
that index.json names is complete.
"""

from __future__ import annotations

import time
from _thread import allocate_lock
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from cachedb.catalog.statement import many
from cachedb.catalog.statements import refs, verification
from cachedb.catalog.user_state import leases
from cachedb.errors import CacheBusy, CacheError, StorageFailed
from cachedb.operations.gc import pins, weak_roots
from cachedb.operations.sync import history, reconcile
from cachedb.operations.sync.locked_names import after_names, locking_names
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.layout import Layout
    from cachedb.layout.index_json import IndexJson
    from cachedb.layout.staging.area import StagingArea
    from cachedb.oci import Descriptor, Digest

_MOST_ATTEMPTS = 10


class Naming(NamedTuple):
    """A name, or None, for a descriptor in index.json, and the user state of the ref."""

    name: str | None
    descriptor: Descriptor
    source: str
    """User state of the ref: pull, import, build or tag."""
    origin: str | None = None
    """User state of the ref: canonical reference that it was pulled from; None without one."""


class Lease:
    """The lease of a running operation on blobs, present or absent; safe for several threads.

    Its file is locked while the operation runs; its rows are written with the first blobs.
    """

    def __init__(self, key: str, catalog: Catalog) -> None:
        self.key: str = key
        """Id of the lease."""
        self._catalog = catalog
        self._turn = allocate_lock()
        self._has_rows = False

    def hold(self, digests: Iterable[Digest]) -> None:
        """Protect blobs and their content from the collector; one transaction."""
        with self._turn, self._catalog.writing() as connection:
            if not self._has_rows:
                leases.take(connection, self.key, _now())
            leases.hold(connection, self.key, digests)
            self._has_rows = True

    def release_within(self, connection: Connection) -> None:
        """Release the blobs in the transaction that indexes the names that reach them."""
        leases.release(connection, [self.key])
        self._has_rows = False

    def release(self) -> None:
        """Release the blobs, unless `release_within` has; a failure is ignored."""
        # Without the lock file, a row that stays is void, and the next collection deletes it:
        # failing here would hide the error of the operation.
        if self._has_rows:
            with suppress(CacheError), self._catalog.writing() as connection:
                self.release_within(connection)


@contextmanager
def leasing(layout: Layout, catalog: Catalog) -> Iterator[Lease]:
    """Hold a lease for the time of an operation; a crash ends it as well.

    First removes the leases and temporary files of operations that were killed.
    """
    layout.remove_stale_leases()
    layout.temporary_files.clear_own()
    with layout.leasing() as key:
        lease = Lease(key, catalog)
        try:
            with catalog.beating(key):
                yield lease
        except CacheError:
            lease.release()
            raise
        # Not after other exceptions, such as KeyboardInterrupt: a statement may be half read, and
        # a transaction would wait for it until the lock times out.
        lease.release()


def publish(
    layout: Layout,
    catalog: Catalog,
    stage: StagingArea,
    digests: Sequence[Digest],
    namings: Collection[Naming],
    reused: Collection[Digest] = (),
    remember: Callable[[Connection], object] = lambda _: None,
) -> None:
    """Publish staged blobs in the order given, then the names, in one write of index.json.

    `reused` are blobs that the names need and that were in the layout before. Collectors of other
    tools respect neither locks nor leases, so the presence of all blobs is checked again after the
    names are written. The weak roots of an image that loses its last name are removed as well.
    `remember` is called in the transaction that indexes blobs and names.

    Raises:
        CacheBusy: Another program deleted a blob that is not staged; no name is written.
    """
    content = _Content(layout=layout, stage=stage, digests=digests, reused=reused)
    with layout.publishing():
        with locking_names(layout, catalog):
            # First: it would take staged blobs for orphans, and read them.
            reconcile.reconcile(layout, catalog)
            stage.link(digests)
            _name(content, catalog, namings, remember)
        layout.allocate_reserve()
    with after_names():
        reconcile.read_new_sboms(layout, catalog)


def publish_made(
    layout: Layout,
    catalog: Catalog,
    stage: StagingArea,
    make: Callable[[IndexJson], tuple[Naming, bytes]],
) -> None:
    """Make a small document from index.json, publish and name it, all under the lock of names."""
    with layout.publishing(), locking_names(layout, catalog):
        reconcile.reconcile(layout, catalog)
        naming, content = make(layout.index())
        digest = naming.descriptor.digest
        stage.add(digest, content)
        stage.link([digest])
        _name(
            _Content(layout=layout, stage=stage, digests=[digest]),
            catalog,
            [naming],
            lambda _: None,
        )
    with after_names():
        reconcile.read_new_sboms(layout, catalog)


def _name(
    content: _Content,
    catalog: Catalog,
    namings: Collection[Naming],
    remember: Callable[[Connection], object],
) -> None:
    layout = content.layout
    before = layout.index()
    weak = _orphaned(content, catalog, before, namings)
    after = before.without(lambda ref: ref.name is None and ref.descriptor.digest in weak).naming(
        (n.name, n.descriptor) for n in namings
    )
    content.bring_back()
    if after != before:
        with catalog.reading() as connection:
            pinned = pins.pinned_keys(before, history.pins(connection))
        layout.replace_index(pins.restored(after, pinned))
        try:
            content.bring_back()
        except CacheBusy:
            layout.replace_index(before)
            raise
    # Before the catalog records the times of the files: releasing a link changes the ctime.
    content.stage.release(content.digests)
    with after_names(), catalog.writing() as connection:
        reconcile.absorb(layout, connection, content.digests)
        _remember(connection, content.digests, namings)
        remember(connection)


def _orphaned(
    content: _Content, catalog: Catalog, before: IndexJson, namings: Collection[Naming]
) -> set[str]:
    """Return the digests of weak roots that are left behind by names that move to other images."""
    given = {naming.name: naming.descriptor.digest for naming in namings if naming.name}
    moving = [
        ref.name
        for ref in before.refs
        if ref.name in given and ref.descriptor.digest != given[ref.name]
    ]
    if not moving:
        return set()
    with catalog.reading() as connection:
        ids = [row.id for row in connection.rows(refs.OF_NAMES, names=many(moving))]
        weak = weak_roots.orphaned(connection, ids)
    kept: set[str] = {*content.digests, *content.reused, *given.values()}
    # Referrers of the new image, direct or not, stay, although no row links them yet.
    while followers := {row.digest for row in weak if row.subject in kept} - kept:
        kept |= followers
    return {row.digest for row in weak} - kept


def publish_blobs(
    layout: Layout, catalog: Catalog, stage: StagingArea, digests: Sequence[Digest]
) -> None:
    """Publish staged blobs that refs reach already; index.json is not written."""
    with layout.publishing(), locking_names(layout, catalog):
        reconcile.reconcile(layout, catalog)
        stage.link(digests)
        stage.release(digests)
        with catalog.writing() as connection:
            reconcile.absorb(layout, connection, digests)
            _mark_verified(connection, digests)


def mark_verified(catalog: Catalog, digests: Collection[Digest]) -> None:
    """Record that blobs have just been verified."""
    with catalog.writing() as connection:
        _mark_verified(connection, digests)


def removed_meanwhile(lost: Digest) -> CacheBusy:
    """Return the error about a blob that another tool has deleted while an operation needed it."""
    return CacheBusy(f"another program removed {lost} before it had a name", hint="try again")


class _Content(Record):
    """The blobs that some names need: staged ones, and others that were in the layout before."""

    layout: Layout
    stage: StagingArea
    digests: Sequence[Digest]
    reused: Collection[Digest] = ()

    def bring_back(self) -> None:
        """Link staged blobs again that a collector of another tool has deleted meanwhile.

        Raises:
            CacheBusy: Another tool deleted a blob that only another transfer can restore.
        """
        for _ in range(_MOST_ATTEMPTS):
            gone, lost = self._find_gone()
            if lost is None and not gone:
                return
            if lost is None:
                try:
                    self.stage.link(gone)
                except StorageFailed:
                    lost = gone[0]
            if lost is not None:
                raise removed_meanwhile(lost)
        raise CacheBusy("another program keeps removing new blobs", hint="try again")

    def _find_gone(self) -> tuple[list[Digest], Digest | None]:
        """Return the staged blobs that are not in the layout, and the first other one."""
        # Opened again in each pass: another tool may have replaced the directories.
        with self.layout.blobs.kept_open() as blobs:
            gone = [digest for digest in self.digests if blobs.stat(digest) is None]
            lost = next((digest for digest in self.reused if blobs.stat(digest) is None), None)
        return gone, lost


def _remember(
    connection: Connection, digests: Sequence[Digest], namings: Collection[Naming]
) -> None:
    now = _now()
    _mark_verified(connection, digests)  # while they were staged
    for naming in namings:
        if naming.name is None:
            continue
        connection.write(
            refs.RECORD_SOURCE,
            name=naming.name,
            source=naming.source,
            origin=naming.origin,
            pulled=now if naming.source == "pull" else None,
        )


def _mark_verified(connection: Connection, digests: Collection[Digest]) -> None:
    connection.write(verification.ARRIVED, digests=many(digests), moment=_now())


def _now() -> int:
    return time.time_ns() // 1000
