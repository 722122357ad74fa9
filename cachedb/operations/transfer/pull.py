"""Pull: images, or the platforms of them that are wanted, from registries into the layout."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from cachedb.catalog.queries import repositories
from cachedb.catalog.schema import blob, ref
from cachedb.errors import CacheError, InvalidInput
from cachedb.operations.transfer.download import Transfers
from cachedb.operations.transfer.progress import UNWATCHED
from cachedb.operations.transfer.publish import Naming, leasing, mark_verified, publish
from cachedb.operations.transfer.pull_graph import Choice, Fetch, Surroundings
from cachedb.operations.transfer.workers import JOBS, run_all, workers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout
    from cachedb.oci import Descriptor, Digest, Platform, Reference
    from cachedb.operations.transfer.progress import Progress
    from cachedb.registry.client import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """An image that is in the cache now; `fetched` counts the bytes that were transferred."""

    name: str
    descriptor: Descriptor
    fetched: int
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PullReport:
    """What a pull of several images came to; the failures do not undo the others."""

    pulled: tuple[Pulled, ...]
    failures: tuple[tuple[Reference, CacheError], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PullOptions:
    """What to pull: with no platform, all; `jobs` requests at a time.

    `is_forced` lets an image in whose platform is not the one that was asked for. `trusted` is
    what the one name has to stand for: that is pulled, wherever the tag points by now.
    """

    platforms: tuple[Platform, ...] = ()
    jobs: int = JOBS
    is_forced: bool = False
    has_referrers: bool = False
    trusted: Digest | None = None


def pull(
    layout: Layout,
    catalog: Catalog,
    references: Sequence[Reference],
    connect: Callable[[str], Client],
    options: PullOptions,
    progress: Progress = UNWATCHED,
) -> PullReport:
    """Pull images; those that arrived are named together, in one write of index.json.

    `connect` opens the client of a registry. A blob is streamed once, for however many images:
    onto the stage, hashed on the way, whatever was there of it continued. Nothing has a name
    before all of it is here.

    Raises:
        InvalidInput: One digest is to be trusted for several names, or for that of another.
    """
    _check_trust(references, options.trusted)
    with (
        layout.stage() as stage,
        leasing(layout, catalog) as lease,
        workers(options.jobs) as pool,
        workers(options.jobs) as drivers,
    ):
        transfers = Transfers(layout, catalog, stage, progress)
        around = Surroundings(
            layout=layout,
            catalog=catalog,
            stage=stage,
            lease=lease,
            pool=pool,
            transfers=transfers,
            progress=progress,
        )
        images, failures = _open(around, references, connect, options)
        try:
            # Not in the pool of the requests, which these wait for.
            run_all(drivers, _read_documents, images)
            arrived = _bring_blobs(around, images)
            pulled = _publish(around, images, arrived)
        except KeyboardInterrupt:
            transfers.stop()
            raise
    if transfers.verified:
        mark_verified(catalog, transfers.verified)
    failures += [(each.reference, each.fetch.error) for each in images if each.fetch.error]
    return PullReport(pulled=pulled, failures=tuple(failures))


@dataclass(frozen=True, slots=True)
class _Image:
    """A name, and what is fetched for it."""

    reference: Reference
    fetch: Fetch

    @property
    def name(self) -> str:
        return str(self.reference.with_default_tag())


def _check_trust(references: Sequence[Reference], trusted: Digest | None) -> None:
    if trusted is None:
        return
    if len(references) > 1:
        raise InvalidInput(f"{len(references)} names cannot all stand for {trusted}")
    for reference in references:
        if reference.digest not in {None, trusted}:
            raise InvalidInput(f"{reference.familiar!r} is not {trusted}, which is to be trusted")


def _open(
    around: Surroundings,
    references: Sequence[Reference],
    connect: Callable[[str], Client],
    options: PullOptions,
) -> tuple[list[_Image], list[tuple[Reference, CacheError]]]:
    choice = Choice(
        platforms=options.platforms,
        is_forced=options.is_forced,
        has_referrers=options.has_referrers,
    )
    images: list[_Image] = []
    failures: list[tuple[Reference, CacheError]] = []
    for reference in references:
        asked = reference.with_digest(options.trusted) if options.trusted else reference
        try:
            client = connect(reference.domain)
        except CacheError as error:
            failures.append((reference, error))
        else:
            images.append(_Image(reference, Fetch(around, client, asked, choice)))
    return images, failures


def _read_documents(image: _Image) -> None:
    try:
        image.fetch.read_documents()
    except CacheError as error:
        image.fetch.error = error


def _bring_blobs(around: Surroundings, images: Sequence[_Image]) -> set[Digest]:
    """Bring what the images need, large blobs first, and return what has come."""
    transfers = around.transfers
    # By size as well: what one image says of a blob is no concern of another one.
    wanted: list[Descriptor] = []
    askers: dict[tuple[Digest, int], list[Fetch]] = defaultdict(list)
    for image in images:
        for descriptor in image.fetch.blobs.values() if image.fetch.error is None else ():
            key = (descriptor.digest, descriptor.size)
            if key not in askers:
                wanted.append(descriptor)
            askers[key].append(image.fetch)
    missing = transfers.missing(wanted)
    around.progress.announce(sum(descriptor.size for descriptor in missing))
    run_all(
        around.pool,
        lambda each: _bring(transfers, each, askers[each.digest, each.size]),
        missing,
    )
    return {descriptor.digest for descriptor in missing}


def _bring(transfers: Transfers, descriptor: Descriptor, askers: Sequence[Fetch]) -> None:
    """Bring a blob for the images that need it, from where one of them finds it."""
    failed: CacheError | None = None
    for fetch in askers:
        if fetch.error is not None:
            continue  # another blob has not come
        try:
            fetch.count(transfers.bring(fetch.client, fetch.repository, descriptor))
        except CacheError as error:
            failed = error
        else:
            return
    for fetch in askers:
        fetch.error = fetch.error or failed


def _publish(
    around: Surroundings, images: Sequence[_Image], arrived: set[Digest]
) -> tuple[Pulled, ...]:
    """Publish and name what is all here, in one write."""
    namings: list[Naming] = []
    pulled: list[Pulled] = []
    staged: dict[Digest, None] = {}
    for image in images:
        fetch, name = image.fetch, image.name
        if fetch.error is not None or fetch.root is None:
            continue
        new = [*(digest for digest in fetch.blobs if digest in arrived), *fetch.documents]
        staged |= dict.fromkeys(new)
        is_new = not _is_named(around.catalog, name, fetch.root)
        if is_new or new:
            namings.append(Naming(name=name, descriptor=fetch.root, source="pull", origin=name))
        pulled.append(
            Pulled(name=name, descriptor=fetch.root, fetched=fetch.fetched, is_new=is_new)
        )
    if namings:
        arriving = [image.fetch for image in images if image.fetch.error is None]
        reused = {digest for fetch in arriving for digest in fetch.needed} - staged.keys()
        publish(around.layout, around.catalog, around.stage, list(staged), namings, reused)
    for image in images:
        if image.fetch.error is None:
            _remember_repository(around.catalog, image)
    return tuple(pulled)


def _remember_repository(catalog: Catalog, image: _Image) -> None:
    """Note that the repository has these blobs: a push to its registry can mount them."""
    repository = str(image.reference.repository)
    with catalog.reading() as connection:
        known = repositories.known_in(connection, repository, image.fetch.blobs)
    new = image.fetch.blobs.keys() - known
    if new:
        with catalog.writing() as connection:
            repositories.remember(connection, repository, new, time.time_ns() // 1000)


def _is_named(catalog: Catalog, name: str, descriptor: Descriptor) -> bool:
    with catalog.reading() as connection:
        found = connection.scalar(
            select(blob.c.digest)
            .join(ref, ref.c.target_id == blob.c.id)
            .where(ref.c.name == name, blob.c.digest == descriptor.digest)
        )
    return found is not None
