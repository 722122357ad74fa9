"""Push: images from the layout to registries; only content that a registry lacks is sent."""

from __future__ import annotations

import time
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from cachedb.catalog.enums import DOCUMENTS
from cachedb.catalog.index.ref_rows import parts_of
from cachedb.catalog.user_state import repositories
from cachedb.errors import (
    BlobNotFound,
    CacheError,
    InvalidInput,
    InvalidReference,
    PlatformNotFound,
    RefNotFound,
)
from cachedb.feedback.progress import UNWATCHED
from cachedb.oci import Descriptor, Digest, MediaType, Reference
from cachedb.oci.names.arch_tag import arch_tags
from cachedb.oci.platform.match import only
from cachedb.operations.read import resolve
from cachedb.operations.transfer.attachments import attachments_of
from cachedb.operations.transfer.publish import leasing
from cachedb.operations.transfer.push_graph import PushDocument, gather
from cachedb.operations.transfer.tag_update import Conflict, TagUpdate
from cachedb.operations.transfer.upload import RepositoryUpload
from cachedb.operations.transfer.workers import JOBS, run_all, workers
from cachedb.records import Record, brief_repr
from cachedb.registry.uploads import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.feedback.progress import Progress
    from cachedb.layout import Layout
    from cachedb.oci import Platform
    from cachedb.operations.read.resolve import ResolvedImage, Root
    from cachedb.operations.transfer.publish import Lease
    from cachedb.operations.transfer.push_graph import PushGraph
    from cachedb.registry.client import Client


class Change(StrEnum):
    """Effect of a push on the tag."""

    PUSHED = "pushed"
    MERGED = "merged"
    UNCHANGED = "unchanged"


class PushOptions(NamedTuple):
    """Options of a push: all platforms if none is named, `jobs` concurrent requests."""

    platforms: tuple[Platform, ...] = ()
    jobs: int = JOBS
    has_arch_tags: bool = False
    """Whether each platform gets a tag of its own."""
    conflict: Conflict = Conflict.MERGE


class Sending(NamedTuple):
    """An image of the cache, and its name in a registry."""

    name: str
    root: Descriptor
    """Descriptor of the image in index.json."""
    target: Reference
    """Reference that the registry gives it."""


class Pushed(NamedTuple):
    """Result of pushing one image: `descriptor` is that of the tag now.

    `sent` is in bytes; `uploaded`, `mounted` and `existed` count blobs.
    """

    name: str
    """Name of the image in the cache."""
    target: Reference
    """Reference at the registry."""
    descriptor: Descriptor
    change: Change
    sent: int
    uploaded: int
    mounted: int
    existed: int
    referrers: tuple[Digest, ...]
    """Digests of the referrers that were pushed with it."""
    arch_tags: tuple[Reference, ...]
    """References of its single platforms."""
    attached: tuple[Pushed, ...] = ()
    """Attachments that were pushed by tags of cosign 2."""


class PushReport(NamedTuple):
    """Result of pushing several images; a failure does not undo the others."""

    pushed: tuple[Pushed, ...]
    """Images that were pushed."""
    failures: tuple[tuple[Sending, CacheError], ...]

    def __repr__(self) -> str:
        return brief_repr(self)


def plan(
    catalog: Catalog,
    names: Sequence[str],
    remote_name: Reference | None = None,
    platforms: Sequence[Platform] = (),
) -> tuple[Sending, ...]:
    """Resolve names to images, each with its name in a registry: by default its own.

    A tag stands for one document: an image that is one manifest a platform is pushed for one of
    `platforms`; no index is made of them.

    Raises:
        RefNotFound: A name is not in the cache.
        PlatformNotFound: An image that is one manifest a platform has none for a platform.
        InvalidInput: Several images would get one name, or an image none; or an image is one
        manifest a platform, and `platforms` do not choose one.
    """
    if remote_name is not None and len(names) > 1:
        raise InvalidInput(f"{len(names)} images cannot all become {remote_name.familiar!r}")
    with catalog.reading() as connection:
        images = [resolve.find_image(connection, name) for name in names]
        roots = [_one_root(connection, image, platforms) for image in images]
    return tuple(_sending(root, remote_name) for root in roots)


def _one_root(connection: Connection, image: ResolvedImage, platforms: Sequence[Platform]) -> Root:
    """Return the document of an image to push: its only one, or that of the wanted platform."""
    if not image.is_split:
        return image.roots[0]
    known = resolve.platforms_of(connection, image.roots)
    offered = [known[root.blob_id] for root in image.roots]
    texts = [each.full for each in offered]
    chosen = {}
    for wanted in platforms:
        matcher = only(wanted)
        best = min(offered, key=matcher.key)
        if not matcher.matches(best):
            raise PlatformNotFound(image.label, str(wanted), texts)
        chosen[best] = image.roots[offered.index(best)]
    if len(chosen) != 1:
        raise InvalidInput(
            f"{image.label!r} is one manifest for each of {', '.join(texts)}, and a tag stands "
            "for one document",
            hint=f"choose one: {' or '.join(f'--platform {text}' for text in texts)}",
        )
    return next(iter(chosen.values()))


def push(
    layout: Layout,
    catalog: Catalog,
    sendings: Sequence[Sending],
    connect: Callable[[str], Client],
    options: PushOptions,
    progress: Progress = UNWATCHED,
) -> PushReport:
    """Push images; missing content is an error before anything is sent.

    A blob is skipped if the repository has it, else mounted from another repository that is known
    to have it, else uploaded. Documents are sent unchanged, children before parents, and the tag
    is set last. Attachments of the image by tag or kind follow, each under its tag of cosign 2. No
    request is sent to mirrors.
    """
    pushed: list[Pushed] = []
    failures: list[tuple[Sending, CacheError]] = []
    with _leasing(layout, catalog) as lease, workers(options.jobs) as pool:
        task = _Task(
            layout=layout,
            catalog=catalog,
            lease=lease,
            pool=pool,
            options=options,
            progress=progress,
        )
        for sending in sendings:
            try:
                client = connect(sending.target.domain)
                pushing = _Push(task, client, sending)
                with progress.task(f"push {sending.target.familiar}"):
                    done = pushing.run()
            except CacheError as error:
                failures.append((sending, error))
            else:
                attached = _push_attached(task, client, pushing, failures)
                pushed.append(done._replace(attached=tuple(attached)))
    return PushReport(pushed=tuple(pushed), failures=tuple(failures))


def _push_attached(
    task: _Task, client: Client, image: _Push, failures: list[tuple[Sending, CacheError]]
) -> Iterator[Pushed]:
    """Push the attachments of a pushed image; add failures to `failures`."""
    conflict = task.options.conflict
    options = task.options._replace(
        platforms=(),
        has_arch_tags=False,
        conflict=conflict if conflict is Conflict.REPLACE else Conflict.EXTEND,
    )
    for sending in image.attached():
        try:
            yield _Push(task.replace(options=options), client, sending).run()
        except CacheError as error:
            failures.append((sending, error))


class _Task(Record):
    """Context that the images of one push share; without a lease the cache is read-only."""

    layout: Layout
    catalog: Catalog
    lease: Lease | None
    pool: Executor
    options: PushOptions
    progress: Progress


class _Push:
    """Push of one image to one name."""

    def __init__(self, task: _Task, client: Client, sending: Sending) -> None:
        self._task = task
        self._registry = client.origin
        self._sending = sending
        self._target = sending.target
        self._documents: Sequence[PushDocument] = ()
        self._upload = RepositoryUpload(
            task.layout, client.origin, sending.target, task.pool, task.progress
        )

    def run(self) -> Pushed:
        """Upload the content that the repository lacks, and set the tag."""
        graph = self._gather()
        self._documents = graph.documents
        tags = self._arch_tags(graph)
        there = self._find(self._target)
        task = self._task
        update = TagUpdate(self._registry, self._target, task.pool, task.options.conflict)
        wanted = update.settle(graph, there)
        referrers = self._new_referrers(graph)
        self._upload.sources = self._sources(graph)
        if there is not None and wanted.descriptor.digest == there.digest:
            change = Change.UNCHANGED
            self._bring(referrers)
        else:
            change = Change.PUSHED if wanted is graph.root else Change.MERGED
            self._refuse_incomplete(graph)
            # An index that was merged into another is put too: clients may refer to its digest.
            self._bring([*self._upload.absent(graph.documents), *referrers], wanted)
            self._upload.put(wanted, self._target.tag)
        documents = {each.descriptor.digest: each for each in graph.documents}
        run_all(self._task.pool, lambda tag: self._set(tag, tags[tag], documents), tags)
        self._remember(graph)
        return self._report(wanted, change, referrers, tuple(tags))

    def attached(self) -> list[Sending]:
        """Return the attachments by name of the pushed documents."""
        digests = [each.descriptor.digest for each in self._documents]
        name = self._sending.name
        with self._task.catalog.reading() as connection:
            found = attachments_of(connection, name, self._sending.root.digest, digests)
        return [
            Sending(name=each.name, root=each.root, target=self._target.with_tag(each.tag))
            for each in found
            if each.root.digest not in digests
        ]

    def _bring(self, documents: Sequence[PushDocument], last: PushDocument | None = None) -> None:
        self._upload.bring_blobs(documents)
        self._upload.put_all([each for each in documents if each is not last])

    # -- planning ---------------------------------------------------------------

    def _gather(self) -> PushGraph:
        task, sending = self._task, self._sending
        platforms = task.options.platforms
        try:
            graph = gather(task.layout, task.catalog, sending.name, sending.root, platforms)
        except BlobNotFound as error:
            error.hint = f"cachedb pull {sending.name}"
            raise
        if self._target.tag is None and self._target.digest != graph.root.descriptor.digest:
            raise InvalidInput(
                f"{graph.root.descriptor.digest} cannot be pushed as {self._target.familiar!r}"
            )
        if task.lease is not None:
            task.lease.hold(graph.digests)
        return graph

    def _arch_tags(self, graph: PushGraph) -> Mapping[Reference, Descriptor]:
        if not self._task.options.has_arch_tags:
            return {}
        if self._target.tag is None:
            raise InvalidInput(
                f"{self._target.familiar!r} has no tag that those of platforms could begin with"
            )
        tags, nameless = arch_tags(self._target, graph.images())
        for descriptor in nameless:
            self._task.progress.note(
                f"{descriptor.digest} gets no tag of its own: another image is for "
                f"{str(descriptor.platform)!r} as well"
            )
        return tags

    def _find(self, reference: Reference) -> Descriptor | None:
        try:
            return self._registry.resolve(reference)
        except RefNotFound:
            return None

    def _new_referrers(self, graph: PushGraph) -> list[PushDocument]:
        """Return the referrers that the registry does not list."""
        subjects = {each.subject.digest for each in graph.referrers if each.subject is not None}
        ordered = sorted(subjects)
        lists = run_all(
            self._task.pool,
            lambda subject: self._registry.referrers(self._target.path, Digest(subject)),
            ordered,
        )
        listed = {each.digest for found in lists for each in found}
        return [each for each in graph.referrers if each.descriptor.digest not in listed]

    def _refuse_incomplete(self, graph: PushGraph) -> None:
        """Refuse to push an image with missing content."""
        upload = self._upload
        lacking = upload.lacking_documents(graph.missing_documents)
        lacking += upload.lacking_blobs(graph.missing_blobs)
        if not lacking:
            return
        first, rest = lacking[0], len(lacking) - 1
        what = f"{first.platform} ({first.digest})" if first.platform else first.digest
        more = f", nor are {rest} more" if rest else ""
        error = BlobNotFound(
            first.digest,
            f"{self._sending.name!r} is incomplete: {what} is neither in the cache nor in "
            f"{str(self._target.repository)!r}{more}",
        )
        error.hint = (
            f"cachedb pull {self._sending.name} fetches the rest, "
            "cachedb push --platform pushes some platforms"
        )
        raise error

    # -- tags and user state --------------------------------------------

    def _set(
        self, tag: Reference, descriptor: Descriptor, documents: Mapping[Digest, PushDocument]
    ) -> None:
        """Set a tag to one image of the index."""
        there = self._find(tag)
        if there is not None and there.digest == descriptor.digest:
            return
        document = documents.get(descriptor.digest)
        if document is None:
            _, content = self._registry.manifest(self._target.path, descriptor)
            document = PushDocument(descriptor=descriptor, content=content, parsed=None)
        self._upload.put(document, tag.tag)

    def _sources(self, graph: PushGraph) -> dict[str, str]:
        """Return for each blob the path of another repository to mount it from."""
        domain = self._target.domain
        with self._task.catalog.reading() as connection:
            found = repositories.sources(
                connection, domain, self._target.repository, graph.digests
            )
        return {digest: name.removeprefix(f"{domain}/") for digest, name in found.items()}

    def _remember(self, graph: PushGraph) -> None:
        if self._task.lease is None:
            return
        now = time.time_ns() // 1000
        with self._task.catalog.writing() as connection:
            for path, digests in self._upload.disproved.items():
                repositories.forget(connection, f"{self._target.domain}/{path}", digests)
            documents = (*graph.documents, *graph.referrers)
            blobs = (blob.digest for each in documents for blob in each.blobs)
            repositories.remember(connection, self._target.repository, blobs, now)

    def _report(
        self,
        wanted: PushDocument,
        change: Change,
        referrers: Sequence[PushDocument],
        tags: tuple[Reference, ...],
    ) -> Pushed:
        outcomes = self._upload.outcomes
        return Pushed(
            name=self._sending.name,
            target=self._target,
            descriptor=wanted.descriptor,
            change=change,
            sent=self._upload.sent,
            uploaded=outcomes[Outcome.UPLOADED],
            mounted=outcomes[Outcome.MOUNTED],
            existed=outcomes[Outcome.EXISTED],
            referrers=tuple(each.descriptor.digest for each in referrers),
            arch_tags=tags,
        )


@contextmanager
def _leasing(layout: Layout, catalog: Catalog) -> Iterator[Lease | None]:
    """Hold a lease, unless the layout is read-only."""
    if not layout.is_writable:
        yield None
        return
    with leasing(layout, catalog) as lease:
        yield lease


def _sending(root: Root, remote_name: Reference | None) -> Sending:
    name = root.name or root.digest
    if root.kind not in DOCUMENTS:
        raise InvalidInput(f"{name!r} is neither an index nor a manifest, and cannot be pushed")
    return Sending(
        name=name,
        root=Descriptor(media_type=MediaType(root.media_type), digest=root.digest, size=root.size),
        target=(remote_name or _own_name(root)).with_default_tag(),
    )


def _own_name(root: Root) -> Reference:
    registry, _, _ = parts_of(root.name)
    if root.name is None or registry is None:
        raise InvalidReference(
            root.name or root.digest,
            "it names no registry to push to",
            hint="name it with --remote-name",
        )
    return Reference.parse(root.name)
