"""Publication: staged blobs into the layout, names into index.json, both into the catalog.

The order makes a crash harmless: children before parents, the name last. At every instant, content
that index.json names is complete.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from cachedb.catalog.statement import many
from cachedb.catalog.statements import refs, verification
from cachedb.catalog.user_state import leases
from cachedb.errors import CacheBusy, CacheError, StorageFailed
from cachedb.operations.gc import pins, weak_roots
from cachedb.operations.sync import history, reconcile
from cachedb.operations.sync.locked_names import locking_names
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
    origin: str | None = None


class Lease(Record):
    """The lease of a running operation on blobs, present or absent."""

    key: str
    catalog: Catalog

    def hold(self, digests: Iterable[Digest]) -> None:
        """Protect blobs and their content from the collector; one transaction."""
        with self.catalog.writing() as connection:
            leases.hold(connection, self.key, digests)


@contextmanager
def leasing(layout: Layout, catalog: Catalog) -> Iterator[Lease]:
    """Hold a lease for the time of an operation; a crash ends it as well.

    First removes the leases and temporary files of operations that were killed.
    """
    layout.remove_stale_leases()
    layout.temporary_files.clear_own()
    with layout.leasing() as key:
        with catalog.writing() as connection:
            leases.take(connection, key, _now())
        try:
            with catalog.beating(key):
                yield Lease(key=key, catalog=catalog)
        except CacheError:
            _release(catalog, key)
            raise
        # Not after other exceptions, such as KeyboardInterrupt: a statement may be half read, and
        # a transaction would wait for it until the lock times out.
        _release(catalog, key)


def _release(catalog: Catalog, key: str) -> None:
    # Without the lock file, a row that stays is void, and the next collection deletes it: failing
    # here would hide the error of the operation.
    with suppress(CacheError), catalog.writing() as connection:
        leases.release(connection, [key])


def publish(
    layout: Layout,
    catalog: Catalog,
    stage: StagingArea,
    digests: Sequence[Digest],
    namings: Collection[Naming],
    reused: Collection[Digest] = (),
) -> None:
    """Publish staged blobs in the order given, then the names, in one write of index.json.

    `reused` are blobs that the names need and that were in the layout before. Collectors of other
    tools respect neither locks nor leases, so the presence of all blobs is checked again after the
    names are written. The weak roots of an image that loses its last name are removed as well.

    Raises:
        CacheBusy: Another program deleted a blob that is not staged; no name is written.
    """
    content = _Content(layout=layout, stage=stage, digests=digests, reused=reused)
    with layout.publishing():
        stage.link(digests)
        with locking_names(layout, catalog):
            reconcile.reconcile(layout, catalog)
            _name(content, catalog, namings)
        layout.allocate_reserve()
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
        _name(_Content(layout=layout, stage=stage, digests=[digest]), catalog, [naming])
    reconcile.read_new_sboms(layout, catalog)


def _name(content: _Content, catalog: Catalog, namings: Collection[Naming]) -> None:
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
    with catalog.writing() as connection:
        reconcile.absorb(layout, connection, content.digests)
        _remember(connection, content.digests, namings)


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
    with layout.publishing():
        stage.link(digests)
        with locking_names(layout, catalog):
            reconcile.reconcile(layout, catalog)
            stage.release(digests)
            with catalog.writing() as connection:
                reconcile.absorb(layout, connection, digests)
                _mark_verified(connection, digests)


def mark_verified(catalog: Catalog, digests: Collection[Digest]) -> None:
    """Record that blobs have just been verified."""
    with catalog.writing() as connection:
        _mark_verified(connection, digests)


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
            gone = [digest for digest in self.digests if self._is_gone(digest)]
            lost = next(filter(self._is_gone, self.reused), None)
            if lost is None and not gone:
                return
            if lost is None:
                try:
                    self.stage.link(gone)
                except StorageFailed:
                    lost = gone[0]
            if lost is not None:
                what = f"another program removed {lost} before it had a name"
                raise CacheBusy(what, hint="try again")
        raise CacheBusy("another program keeps removing new blobs", hint="try again")

    def _is_gone(self, digest: Digest) -> bool:
        return self.layout.blobs.stat(digest) is None


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
