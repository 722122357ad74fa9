"""Publish: blobs from the stage into the layout, names into index.json, both into the catalog.

The order is what makes a crash harmless: children before parents, the name last; what index.json
names is whole at every instant.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, update

from cachedb.catalog import leases
from cachedb.catalog.schema import blob, ref
from cachedb.errors import CacheBusy
from cachedb.operations import adopt, packages

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from cachedb.catalog.connect import Catalog
    from cachedb.layout import IndexJson, Layout
    from cachedb.layout.stage import Stage
    from cachedb.oci import Descriptor, Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """A name to give, what to, and what is remembered of it."""

    name: str | None
    descriptor: Descriptor
    source: str
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """A running operation's hold on blobs, present or on their way."""

    key: str
    catalog: Catalog

    def hold(self, digests: Iterable[Digest]) -> None:
        """Keep these, and all that they contain, from being collected."""
        with self.catalog.writing() as connection:
            leases.hold(connection, self.key, digests)


@contextmanager
def leasing(layout: Layout, catalog: Catalog) -> Iterator[Lease]:
    """Open a lease for the time of an operation; a crash ends it as well."""
    with layout.leasing() as key:
        with catalog.writing() as connection:
            leases.take(connection, key, _now())
        try:
            yield Lease(key, catalog)
        finally:
            with catalog.writing() as connection:
                leases.release(connection, [key])


def publish(
    layout: Layout,
    catalog: Catalog,
    stage: Stage,
    digests: Sequence[Digest],
    namings: Collection[Naming],
) -> None:
    """Publish staged blobs in the order given, then the names, in one write of index.json.

    Raises:
        CacheBusy: Another program removed a blob before its name was there; nothing is named.
    """
    with layout.publishing():
        stage.publish(digests)
        with layout.locking_names():
            adopt.reconcile(layout, catalog)
            _name(layout, catalog, digests, namings)
    packages.read_new(layout, catalog)


def publish_made(
    layout: Layout,
    catalog: Catalog,
    stage: Stage,
    make: Callable[[IndexJson], tuple[Naming, bytes]],
) -> None:
    """Publish one small document that is made of the names as they are, and name it.

    Nobody changes the names between the reading and the naming.
    """
    with layout.publishing(), layout.locking_names():
        adopt.reconcile(layout, catalog)
        naming, content = make(layout.index())
        digest = naming.descriptor.digest
        stage.add(digest, content)
        stage.publish([digest])
        _name(layout, catalog, [digest], [naming])
    packages.read_new(layout, catalog)


def _name(
    layout: Layout, catalog: Catalog, digests: Sequence[Digest], namings: Collection[Naming]
) -> None:
    _refuse_vanished(layout, digests)
    index = layout.index().naming((n.name, n.descriptor) for n in namings)
    layout.replace_index(index)
    with catalog.writing() as connection:
        adopt.absorb(layout, connection, digests)
        _remember(connection, digests, namings)


def publish_blobs(
    layout: Layout, catalog: Catalog, stage: Stage, digests: Sequence[Digest]
) -> None:
    """Publish staged blobs that names lead to already; index.json is not touched."""
    with layout.publishing():
        stage.publish(digests)
        with layout.locking_names():
            adopt.reconcile(layout, catalog)
            with catalog.writing() as connection:
                adopt.absorb(layout, connection, digests)
                _mark_verified(connection, digests)


def mark_verified(catalog: Catalog, digests: Collection[Digest]) -> None:
    """Remember that blobs have just been hashed and found right."""
    with catalog.writing() as connection:
        _mark_verified(connection, digests)


def _refuse_vanished(layout: Layout, digests: Sequence[Digest]) -> None:
    """Notice a collector of another tool, which removes what no name reaches yet."""
    gone = next((digest for digest in digests if layout.blobs.stat(digest) is None), None)
    if gone is not None:
        raise CacheBusy(f"another program removed {gone} before it had a name", hint="try again")


def _remember(
    connection: Connection, digests: Sequence[Digest], namings: Collection[Naming]
) -> None:
    now = _now()
    _mark_verified(connection, digests)  # on the stage, moments ago
    for naming in namings:
        connection.execute(
            update(ref)
            .where(ref.c.name == naming.name)
            .values(
                source=naming.source,
                origin=naming.origin,
                pulled=now if naming.source == "pull" else None,
            )
        )


def _mark_verified(connection: Connection, digests: Collection[Digest]) -> None:
    if digests:
        connection.execute(
            update(blob).where(blob.c.digest == bindparam("key")).values(verified=_now()),
            [{"key": digest} for digest in digests],
        )


def _now() -> int:
    return time.time_ns() // 1000
