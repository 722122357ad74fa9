"""Pull: images, or some platforms of them, from registries into the layout."""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from cachedb.catalog.statement import many
from cachedb.catalog.statements import refs
from cachedb.catalog.user_state import repositories
from cachedb.errors import CacheError, InvalidInput, NotFound, StorageFailed
from cachedb.feedback.progress import UNWATCHED, warn_of_algorithms
from cachedb.limits import SBOM_BYTES
from cachedb.oci import Descriptor, MediaType
from cachedb.oci.names.entry_name import is_attached_kind
from cachedb.operations.read import resolve
from cachedb.operations.sync import history, reconcile
from cachedb.operations.sync.locked_names import after_names
from cachedb.operations.transfer.download import Downloads
from cachedb.operations.transfer.publish import Naming, leasing, mark_verified, publish
from cachedb.operations.transfer.pull_graph import PullChoice, PullContext, PullGraph
from cachedb.operations.transfer.workers import JOBS, run_all, workers
from cachedb.records import Record, brief_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from concurrent.futures import Executor

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.feedback.progress import Progress
    from cachedb.layout import Layout
    from cachedb.oci import Digest, Platform, Reference
    from cachedb.operations.read.resolve import Root
    from cachedb.operations.transfer.forecast_layout import ForecastLayout
    from cachedb.registry.client import Client
    from cachedb.registry.referrers import TaggedReferrer


class Pulled(NamedTuple):
    """A pulled image; `fetched` is the number of transferred bytes.

    `is_new` is false if the name had this digest before; `replaced` is the other digest that it
    had, if any.
    """

    name: str
    descriptor: Descriptor
    fetched: int
    is_new: bool
    replaced: Digest | None = None
    tagged: tuple[TaggedReferrer, ...] = ()
    """Attachments by tag that were pulled with it."""


class PullReport(NamedTuple):
    """Result of a pull of several images; failures do not undo the others."""

    pulled: tuple[Pulled, ...]
    """Images that were pulled."""
    failures: tuple[tuple[Reference, CacheError], ...]
    present: tuple[Pulled, ...] = ()
    """Images that were complete in the cache, so that no request was sent."""

    def __repr__(self) -> str:
        return brief_repr(self)


class PullOptions(NamedTuple):
    """Selection to pull: with no platform, all; `jobs` requests at a time.

    `is_forced` accepts an image of another platform than requested. `trusted` is the digest of the
    one name: it is pulled, whatever the tag resolves to.
    """

    platforms: tuple[Platform, ...] = ()
    jobs: int = JOBS
    is_forced: bool = False
    has_referrers: bool = False
    """Whether referrers are pulled as well."""
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

    `connect` opens the client of a registry. A blob is downloaded once for all images: into the
    staging area, hashed on arrival, and resumed if a part exists. An image gets its name after all
    of its blobs have arrived.

    Raises:
        InvalidInput: One digest is trusted for several names, or for a name with another digest.
    """
    _check_trust(references, options.trusted)
    with _pulling(layout, catalog, options, progress) as (context, drivers):
        downloads = context.downloads
        images, failures = _open(context, references, connect, options)
        with progress.task(_label(references)):
            try:
                # Not in the pool of the requests, for which these threads wait.
                run_all(drivers, _read_documents, images)
                arrived = _bring_blobs(context, images)
                _refuse_unknown_documents(images)
                pulled = _publish(context, images, arrived)
            except KeyboardInterrupt:
                downloads.stop()
                raise
    if downloads.verified:
        mark_verified(catalog, downloads.verified)
    failures += [(each.reference, each.graph.error) for each in images if each.graph.error]
    return PullReport(pulled=pulled, failures=tuple(failures))


@contextmanager
def _pulling(
    layout: Layout, catalog: Catalog, options: PullOptions, progress: Progress
) -> Iterator[tuple[PullContext, Executor]]:
    """Hold the staging area, a lease and two pools: one of requests, one of images."""
    with (
        layout.staging() as stage,
        leasing(layout, catalog) as lease,
        workers(options.jobs) as pool,
        workers(options.jobs) as drivers,
    ):
        downloads = Downloads(layout, catalog, stage, progress)
        yield (
            PullContext(
                layout=layout,
                catalog=catalog,
                stage=stage,
                lease=lease,
                pool=pool,
                downloads=downloads,
                progress=progress,
            ),
            drivers,
        )


class _Image(Record):
    """A name, and the graph that is pulled for it."""

    reference: Reference
    graph: PullGraph

    @property
    def name(self) -> str:
        return str(self.reference.with_default_tag())


def _label(references: Sequence[Reference]) -> str:
    """Return what progress calls a pull."""
    if len(references) == 1:
        return f"pull {references[0].familiar}"
    return f"pull {len(references)} images"


def _check_trust(references: Sequence[Reference], trusted: Digest | None) -> None:
    if trusted is None:
        return
    if len(references) > 1:
        raise InvalidInput(f"{len(references)} names cannot all resolve to {trusted}")
    for reference in references:
        if reference.digest not in {None, trusted}:
            raise InvalidInput(f"{reference.familiar!r} is not {trusted}, which is to be trusted")


def _open(
    context: PullContext,
    references: Sequence[Reference],
    connect: Callable[[str], Client],
    options: PullOptions,
) -> tuple[list[_Image], list[tuple[Reference, CacheError]]]:
    choice = PullChoice(
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
            images.append(
                _Image(reference=reference, graph=PullGraph(context, client, asked, choice))
            )
    return images, failures


def _read_documents(image: _Image) -> None:
    try:
        image.graph.read_documents()
    except CacheError as error:
        image.graph.error = error


def _bring_blobs(context: PullContext, images: Sequence[_Image]) -> set[Digest]:
    """Download the blobs that the images require, large ones first; return those that arrived."""
    downloads = context.downloads
    wanted, askers = _wanted(images)
    missing = downloads.missing(wanted)
    size = sum(descriptor.size for descriptor in missing)
    _check_space(context.layout, size)
    context.progress.announce(size)
    run_all(
        context.pool,
        lambda each: _bring(downloads, each, askers[each.digest, each.size]),
        missing,
    )
    return {descriptor.digest for descriptor in missing}


def _wanted(
    images: Sequence[_Image],
) -> tuple[list[Descriptor], dict[tuple[Digest, int], list[PullGraph]]]:
    """Return the blobs that the images require, each once, and who asks for each of them."""
    # By size as well: a wrong size in one image must not affect another one.
    wanted: list[Descriptor] = []
    askers: dict[tuple[Digest, int], list[PullGraph]] = defaultdict(list)
    for image in images:
        for descriptor in image.graph.blobs.values() if image.graph.error is None else ():
            key = (descriptor.digest, descriptor.size)
            if key not in askers:
                wanted.append(descriptor)
            askers[key].append(image.graph)
    return wanted, askers


def forecast(
    layout: ForecastLayout,
    catalog: Catalog,
    references: Sequence[Reference],
    connect: Callable[[str], Client],
    options: PullOptions,
) -> PullReport:
    """Name images in a forecast of a layout as `pull` would, and expect their layers.

    `catalog` is a copy. Documents, configs and other blobs that are read when they arrive are
    downloaded into the scratch layout; of layers only the sizes are known.

    Raises:
        StorageFailed: The pull would need more space than is free.
    """
    with _pulling(layout, catalog, options, UNWATCHED) as (context, drivers):
        images, failures = _open(context, references, connect, options)
        run_all(drivers, _read_documents, images)
        wanted, askers = _wanted(images)
        missing = [each for each in wanted if not layout.blobs.has(each.digest, each.size)]
        _check_space(layout, sum(each.size for each in missing))
        small = [each for each in missing if _is_read_on_arrival(each)]
        run_all(
            context.pool,
            lambda one: _bring(context.downloads, one, askers[one.digest, one.size]),
            small,
        )
        expected = {each.digest: each.size for each in missing if each not in small}
        for digest, size in expected.items():
            layout.expect(digest, size)
        _refuse_unknown_documents(images)
        pulled = _publish(context, images, {each.digest for each in small})
    with after_names(), catalog.writing() as connection:
        reconcile.absorb(layout, connection, list(expected))
    failures += [(each.reference, each.graph.error) for each in images if each.graph.error]
    return PullReport(pulled=pulled, failures=tuple(failures))


def _is_read_on_arrival(descriptor: Descriptor) -> bool:
    """Return whether the content of a blob is in the catalog: configs and SBOMs, but no layers."""
    return not descriptor.media_type.is_layer and descriptor.size <= SBOM_BYTES.value


def find_present(
    connection: Connection, references: Sequence[Reference], is_whole: Callable[[Root], bool]
) -> tuple[Pulled, ...]:
    """Return the images of references that are in the cache and complete."""
    found = []
    for reference in references:
        name = str(reference.with_default_tag())
        try:
            root = resolve.find(connection, name)
        except NotFound:
            continue
        if root.name == name and is_whole(root):
            descriptor = Descriptor(
                media_type=MediaType(root.media_type), digest=root.digest, size=root.size
            )
            found.append(Pulled(name=name, descriptor=descriptor, fetched=0, is_new=False))
    return tuple(found)


def _check_space(layout: Layout, size: int) -> None:
    """Refuse to download `size` bytes to a file system with less free space.

    Partial blobs of an interrupted pull count twice, so a pull that needs nearly all free space
    may be refused.
    """
    free = layout.health.volume().free
    if size > free:
        raise StorageFailed(
            f"the pull needs {size:,} bytes and {free:,} are free", hint="cachedb gc --grace 0"
        )


def _refuse_unknown_documents(images: Sequence[_Image]) -> None:
    for image in images:
        if image.graph.error is None:
            try:
                image.graph.refuse_unknown_documents()
            except CacheError as error:
                image.graph.error = error


def _bring(downloads: Downloads, descriptor: Descriptor, askers: Sequence[PullGraph]) -> None:
    """Download a blob for the images that require it, from the first repository that has it."""
    failed: CacheError | None = None
    for found in askers:
        if found.error is not None:
            continue  # another blob of the image has failed
        try:
            found.count(downloads.bring(found.client, found.reference, descriptor))
        except CacheError as error:
            failed = error
        else:
            return
    for found in askers:
        found.error = found.error or failed


def _publish(
    context: PullContext, images: Sequence[_Image], arrived: set[Digest]
) -> tuple[Pulled, ...]:
    """Publish and name complete images in one write of index.json.

    Their referrers get entries without a name, as oras and zot write them: collectors that follow
    the entries alone would delete them.
    """
    refs = context.layout.index().refs
    listed = {ref.descriptor.digest for ref in refs}
    before = {ref.name: ref.descriptor.digest for ref in refs}
    namings: list[Naming] = []
    pulled: list[Pulled] = []
    staged: dict[Digest, None] = {}
    for image in images:
        found, name = image.graph, image.name
        if found.error is not None or found.root is None:
            continue
        new = [*(digest for digest in found.blobs if digest in arrived), *found.documents]
        staged |= dict.fromkeys(new)
        is_new = not _is_named(context.catalog, name, found.root)
        if is_new or new:
            namings.append(Naming(name=name, descriptor=found.root, source="pull", origin=name))
        namings += (
            Naming(name=None, descriptor=each, source="pull", origin=name)
            for each in found.referrers
            if each.digest not in listed
        )
        namings += _attached(context, image)
        pulled.append(
            Pulled(
                name=name,
                descriptor=found.root,
                fetched=found.fetched,
                is_new=is_new,
                replaced=before.get(name) if is_new else None,
                tagged=tuple(found.tagged.values()),
            )
        )
    warn_of_algorithms(context.progress, staged)
    graphs = [image.graph for image in images if image.graph.error is None]
    if namings:
        _publish_arrived(context, graphs, list(staged), namings)
    else:
        _remember_repositories(context.catalog, graphs)
    if pulled:
        history.record(
            context.layout,
            context.catalog,
            history.PULL,
            names=[each.name for each in pulled],
            size=sum(each.fetched for each in pulled),
        )
    return tuple(pulled)


def _publish_arrived(
    context: PullContext,
    graphs: Sequence[PullGraph],
    staged: list[Digest],
    namings: Collection[Naming],
) -> None:
    """Publish staged blobs and names; one transaction indexes them and releases the lease."""

    def remember(connection: Connection) -> None:
        for graph in graphs:
            _remember_repository(connection, graph)
        context.lease.release_within(connection)

    reused = {digest for graph in graphs for digest in graph.needed}.difference(staged)
    publish(context.layout, context.catalog, context.stage, staged, namings, reused, remember)


def _attached(context: PullContext, image: _Image) -> list[Naming]:
    """Name the attachments of cosign 2 to an image: only the tag states their subject."""
    repository = image.reference.repository
    named = {f"{repository}:{each.tag}": each.descriptor for each in image.graph.tagged.values()}
    return [
        Naming(name=name, descriptor=descriptor, source="pull", origin=name)
        for name, descriptor in named.items()
        if not _is_named(context.catalog, name, descriptor)
    ]


def _remember_repositories(catalog: Catalog, graphs: Sequence[PullGraph]) -> None:
    """Record which repositories have blobs that were there, if any is new."""
    with catalog.reading() as connection:
        new = [graph for graph in graphs if _unknown_in_repository(connection, graph)]
    if new:
        with catalog.writing() as connection:
            for graph in new:
                _remember_repository(connection, graph)


def _remember_repository(connection: Connection, graph: PullGraph) -> None:
    """Record that the repository has these blobs: a push to its registry can mount them."""
    new = _unknown_in_repository(connection, graph)
    if new:
        repository = str(graph.reference.repository)
        repositories.remember(connection, repository, new, time.time_ns() // 1000)


def _unknown_in_repository(connection: Connection, graph: PullGraph) -> set[Digest]:
    repository = str(graph.reference.repository)
    return graph.blobs.keys() - repositories.known_in(connection, repository, graph.blobs)


def _is_named(catalog: Catalog, name: str, descriptor: Descriptor) -> bool:
    """Return whether the name is that of this image alone."""
    with catalog.reading() as connection:
        rows = connection.rows(refs.OF_NAMES, names=many([name]))
    digests = {row.digest for row in rows if not is_attached_kind(row.entry_kind)}
    return digests == {descriptor.digest}
