"""Pull: an image, or the platforms of it that are wanted, from a registry into the layout."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from cachedb.catalog.derive import DOCUMENTS
from cachedb.catalog.ingest import chunks
from cachedb.catalog.schema import State, blob, ref
from cachedb.errors import (
    BlobNotFound,
    CacheError,
    CorruptBlob,
    InvalidManifest,
    PlatformNotFound,
)
from cachedb.limits import CONFIG_BYTES, GRAPH_DEPTH, GRAPH_NODES, MANIFEST_BYTES
from cachedb.oci import Descriptor, Index, MediaType, config, manifest
from cachedb.oci.manifest import Role
from cachedb.oci.platform_match import only
from cachedb.operations.progress import UNWATCHED
from cachedb.operations.publish import Naming, leasing, mark_verified, publish
from cachedb.operations.selection import may_be_referrer, select_manifests

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from sqlalchemy import Connection

    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout
    from cachedb.layout.stage import BlobWriter, Stage
    from cachedb.oci import Digest, Manifest, Platform, Reference
    from cachedb.operations.progress import Progress
    from cachedb.operations.publish import Lease
    from cachedb.registry.client import Client

JOBS = min(8, 2 * (os.cpu_count() or 1))


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
    """What to pull: with no platform, all; `jobs` blobs at a time.

    `is_forced` lets an image in whose platform is not the one that was asked for.
    """

    platforms: tuple[Platform, ...] = ()
    jobs: int = JOBS
    is_forced: bool = False


def pull(
    layout: Layout,
    catalog: Catalog,
    references: Sequence[Reference],
    connect: Callable[[str], Client],
    options: PullOptions,
    progress: Progress = UNWATCHED,
) -> PullReport:
    """Pull images; those that arrived are named together, in one write of index.json.

    `connect` opens the client of a registry. A blob is streamed once: onto the stage, hashed on
    the way, whatever was there of it continued. Nothing has a name before all of it is here.
    """
    namings: list[Naming] = []
    pulled: list[Pulled] = []
    failures: list[tuple[Reference, CacheError]] = []
    staged: dict[Digest, None] = {}
    verified: list[Digest] = []
    with layout.stage() as stage, leasing(layout, catalog) as lease:
        task = _Task(layout, catalog, stage, lease, options, progress)
        for reference in references:
            try:
                image = _Image(task, connect(reference.domain), reference)
                descriptor = image.fetch()
            except CacheError as error:
                failures.append((reference, error))
                continue
            name = str(reference.with_default_tag())
            staged |= dict.fromkeys(image.staged)
            is_new = not _is_named(catalog, name, descriptor)
            if is_new or image.staged:
                namings.append(
                    Naming(name=name, descriptor=descriptor, source="pull", origin=name)
                )
            pulled.append(
                Pulled(name=name, descriptor=descriptor, fetched=image.fetched, is_new=is_new)
            )
            verified += image.verified
        if namings:
            publish(layout, catalog, stage, list(staged), namings)
        if verified:
            mark_verified(catalog, verified)
    return PullReport(pulled=tuple(pulled), failures=tuple(failures))


@dataclass(frozen=True, slots=True)
class _Task:
    """What the images of one pull share."""

    layout: Layout
    catalog: Catalog
    stage: Stage
    lease: Lease
    options: PullOptions
    progress: Progress


class _Image:
    """One image on its way: first its documents, from the root down, then all blobs at once.

    `staged` is what has to be published for it, children first; `fetched` is in bytes.
    """

    def __init__(self, task: _Task, client: Client, reference: Reference) -> None:
        self._task = task
        self._client = client
        self._reference = reference
        self._repository = reference.path
        self._seen: set[Digest] = set()
        self._blobs: dict[Digest, Descriptor] = {}
        self._documents: list[Digest] = []
        self._offered: list[Platform] = []
        self._taken: list[Platform] = []
        self._single: Descriptor | None = None
        self._on_stage: set[Digest] = set()
        self._lock = threading.Lock()
        self.verified: list[Digest] = []
        self.staged: list[Digest] = []
        self.fetched = 0

    def fetch(self) -> Descriptor:
        """Bring everything that is wanted onto the stage; returns the root descriptor."""
        root = self._root()
        self._task.lease.hold([root.digest])
        self._walk(root, depth=0)
        self._refuse_other_platform()
        self._task.lease.hold([*self._blobs, *self._documents])
        missing = self._missing(self._blobs.values())
        with _workers(self._task.options.jobs) as pool:
            arrived = list(pool.map(self._transfer, missing))
        self.staged = [*arrived, *(d for d in self._documents if d in self._on_stage)]
        return root

    def _root(self) -> Descriptor:
        pinned = self._reference.digest
        if pinned is not None:
            with self._task.catalog.reading() as connection:
                known = _local_descriptor(connection, pinned)
            if known is not None:
                return known
        return self._client.resolve(self._reference)

    # -- documents -------------------------------------------------------------------------

    def _walk(self, descriptor: Descriptor, *, depth: int) -> None:
        """Read a document and what it leads to; its digest is noted after its children's."""
        if descriptor.digest in self._seen:
            return
        GRAPH_DEPTH.check(depth, f"the nesting of {self._reference.familiar!r}")
        self._seen.add(descriptor.digest)
        GRAPH_NODES.check(
            len(self._seen), f"the number of documents of {self._reference.familiar!r}"
        )
        document = self._read(descriptor)
        if isinstance(document, Index):
            for child in self._wanted(document):
                self._walk(child, depth=depth + 1)
        else:
            self._need_content(descriptor, document, is_root=depth == 0)
        self._documents.append(descriptor.digest)

    def _wanted(self, index: Index) -> list[Descriptor]:
        wanted = self._task.options.platforms
        listed = [
            child
            for child in index.manifests
            if child.media_type.is_index or child.media_type.is_manifest
        ]
        self._offered += [d.platform for d in listed if d.platform and not d.platform.is_unknown]
        chosen = [child for child in select_manifests(index, wanted) if child in listed]
        if wanted:
            digests = {child.digest for child in chosen}
            chosen += [
                child
                for child in listed
                if child not in chosen
                and may_be_referrer(child)
                and self._is_about(child, digests)
            ]
        return chosen

    def _is_about(self, descriptor: Descriptor, digests: set[Digest]) -> bool:
        subject = self._read(descriptor).subject
        return subject is not None and subject.digest in digests

    def _read(self, descriptor: Descriptor) -> Index | Manifest:
        """Return a document: from the layout if it is there and right, else from the registry."""
        content = self._local(descriptor)
        if content is None:
            _, content = self._client.manifest(self._repository, descriptor)
            self._task.stage.add(descriptor.digest, content)
            self._on_stage.add(descriptor.digest)
            self.fetched += len(content)
        try:
            return manifest.parse(content, descriptor.media_type)
        except InvalidManifest as error:
            raise error.of(descriptor.digest) from error

    def _local(self, descriptor: Descriptor) -> bytes | None:
        digest = descriptor.digest
        try:
            return self._task.layout.blobs.read(digest, MANIFEST_BYTES)
        except (BlobNotFound, CorruptBlob):
            pass
        if not self._task.stage.has(digest, descriptor.size):
            return None
        self._on_stage.add(digest)
        return self._task.stage.read(digest, MANIFEST_BYTES.value)

    def _need_content(self, descriptor: Descriptor, document: Manifest, *, is_root: bool) -> None:
        for child in document.children():
            if child.role is Role.SUBJECT or not child.descriptor.media_type.is_distributable:
                continue
            self._blobs.setdefault(child.descriptor.digest, child.descriptor)
        if is_root and document.is_image and document.config is not None:
            self._single = document.config
        elif descriptor.platform is not None:
            self._taken.append(descriptor.platform)

    def _refuse_other_platform(self) -> None:
        """Refuse an image that has nothing for a platform that was asked for."""
        options = self._task.options
        if options.is_forced or not options.platforms:
            return
        if self._single is not None:
            self._offered = self._taken = [self._configured(self._single)]
        for platform in options.platforms:
            if not any(only(platform).matches(taken) for taken in self._taken):
                offered = [p.full for p in self._offered]
                raise PlatformNotFound(self._reference.familiar, str(platform), offered)

    def _configured(self, descriptor: Descriptor) -> Platform:
        if self._missing([descriptor]):
            self._transfer(descriptor)
        content = self._task.stage.read(descriptor.digest, CONFIG_BYTES.value)
        if content is None:
            content = self._task.layout.blobs.read(descriptor.digest, CONFIG_BYTES)
        return config.parse(content).platform

    # -- blobs -----------------------------------------------------------------------------

    def _missing(self, wanted: Collection[Descriptor]) -> list[Descriptor]:
        """Return the blobs that are not in the layout, or not with certainty; large ones first.

        A file of the right size is believed when it has been hashed once; else it is hashed now.
        """
        with self._task.catalog.reading() as connection:
            proven = _proven(connection, [descriptor.digest for descriptor in wanted])
        missing = [d for d in wanted if not self._is_here(d, proven)]
        return sorted(missing, key=lambda descriptor: -descriptor.size)

    def _is_here(self, descriptor: Descriptor, proven: dict[str, int]) -> bool:
        blobs = self._task.layout.blobs
        file = blobs.stat(descriptor.digest)
        if file is None or file.size != descriptor.size:
            return False
        if proven.get(descriptor.digest) == file.touched_ns:
            return True
        try:
            blobs.verify(descriptor.digest)
        except (BlobNotFound, CorruptBlob):
            return False
        self.verified.append(descriptor.digest)
        return True

    def _transfer(self, descriptor: Descriptor) -> Digest:
        """Bring one blob onto the stage."""
        digest, size = descriptor.digest, descriptor.size
        progress = self._task.progress
        progress.expect(digest, size)
        with self._task.stage.writing(digest, size) as writer:
            if writer is not None:
                sink = _Watched(writer, digest, progress)
                self._download(descriptor, sink)
                with self._lock:
                    self.fetched += sink.written
        progress.finish(digest)
        return digest

    def _download(self, descriptor: Descriptor, sink: _Watched) -> None:
        if descriptor.data is not None:
            sink.restart()
            sink.write(descriptor.data)
            return
        self._client.download(self._repository, descriptor, sink)
        try:
            sink.check()
        except CorruptBlob:
            # What an interrupted run, or a mirror, left may have been wrong: once more, whole.
            sink.restart()
            self._client.origin.download(self._repository, descriptor, sink)


@contextmanager
def _workers(jobs: int) -> Iterator[ThreadPoolExecutor]:
    """Open a pool that is waited for, unless the user interrupts.

    A transfer can take long, and what it leaves is resumed; but one that an error has overtaken
    still uses the stage.
    """
    pool = ThreadPoolExecutor(jobs)
    try:
        yield pool
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


class _Watched:
    """A blob writer that says how far it is."""

    def __init__(self, writer: BlobWriter, digest: Digest, progress: Progress) -> None:
        self._writer = writer
        self._digest = digest
        self._progress = progress
        self.written = 0

    @property
    def offset(self) -> int:
        return self._writer.offset

    def write(self, chunk: bytes) -> None:
        self._writer.write(chunk)
        self.written += len(chunk)
        self._progress.advance(self._digest, self._writer.offset)

    def restart(self) -> None:
        self._writer.restart()
        self._progress.advance(self._digest, 0)

    def check(self) -> None:
        self._writer.check()


def _is_named(catalog: Catalog, name: str, descriptor: Descriptor) -> bool:
    with catalog.reading() as connection:
        found = connection.scalar(
            select(blob.c.digest)
            .join(ref, ref.c.target_id == blob.c.id)
            .where(ref.c.name == name, blob.c.digest == descriptor.digest)
        )
    return found is not None


def _local_descriptor(connection: Connection, digest: Digest) -> Descriptor | None:
    """Return the descriptor of a document that is here, so that no registry has to be asked."""
    row = connection.execute(
        select(blob.c.media_type, blob.c.size).where(
            blob.c.digest == digest,
            blob.c.state == int(State.PRESENT),
            blob.c.kind.in_([int(kind) for kind in DOCUMENTS]),
            blob.c.problem.is_(None),
        )
    ).first()
    if row is None:
        return None
    return Descriptor(media_type=MediaType(row.media_type), digest=digest, size=row.size)


def _proven(connection: Connection, digests: Sequence[Digest]) -> dict[str, int]:
    """Return which blobs have been hashed and found right, and when their file was touched."""
    found: dict[str, int] = {}
    for batch in chunks(digests):
        rows = connection.execute(
            select(blob.c.digest, blob.c.touched).where(
                blob.c.digest.in_(batch),
                blob.c.state == int(State.PRESENT),
                blob.c.verified.is_not(None),
            )
        )
        found.update({digest: touched for digest, touched in rows if touched is not None})
    return found
