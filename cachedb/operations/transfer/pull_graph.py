"""Pull graph: the documents of one image at a registry, and the blobs that it needs."""

from __future__ import annotations

import threading
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from cachedb.catalog import codecs
from cachedb.catalog.statements import blobs
from cachedb.errors import (
    BlobNotFound,
    CacheError,
    CorruptBlob,
    InvalidManifest,
    PlatformNotFound,
    RefNotFound,
)
from cachedb.limits import CONFIG_BYTES, MANIFEST_BYTES
from cachedb.oci import (
    Descriptor,
    Index,
    Manifest,
    MediaType,
    attestation,
    graph,
    manifest,
)
from cachedb.oci.graph import ContentGraph, RequiredContent
from cachedb.oci.platform import selection
from cachedb.oci.salvage import leads_on
from cachedb.operations.transfer.workers import run_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Executor

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.feedback.progress import Progress
    from cachedb.layout import Layout
    from cachedb.layout.staging.area import StagingArea
    from cachedb.oci import Digest, Platform, Reference
    from cachedb.oci.reference import TagName
    from cachedb.operations.transfer.download import Downloads
    from cachedb.operations.transfer.publish import Lease
    from cachedb.registry.client import Client
    from cachedb.registry.referrers import TaggedReferrer


class PullChoice(NamedTuple):
    """Selection of an image: no platforms are all of them.

    `is_forced` accepts the only image although it is for another platform. `has_referrers` adds
    the referrers of all documents of the image.
    """

    platforms: tuple[Platform, ...]
    is_forced: bool
    has_referrers: bool


class PullContext(NamedTuple):
    """Context that the images of one pull share."""

    layout: Layout
    catalog: Catalog
    stage: StagingArea
    """Staging area into which blobs are written."""
    lease: Lease
    pool: Executor
    """Threads that fetch documents."""
    downloads: Downloads
    progress: Progress


class PullGraph:
    """One image: its documents, read level by level into staging, and their required content.

    `tagged` has the attachments of cosign 2 by tag, which have no subject and need their names.
    `error` is why the image is not pulled; `fetched` is in bytes. Safe for several threads once
    the documents are read.
    """

    def __init__(
        self, context: PullContext, client: Client, reference: Reference, choice: PullChoice
    ) -> None:
        self._context = context
        self.reference: Reference = reference
        self._choice = choice
        self._parsed: dict[Digest, Index | Manifest] = {}
        self._staged: set[Digest] = set()
        self._selected: list[selection.Selection] = []
        self._graph = ContentGraph(roots=(), descriptors={}, content={})
        self._visited: set[Digest] = set()
        self._referring: set[Digest] = set()
        self._what = repr(reference.familiar)
        self._lock = threading.Lock()
        self.client = client
        self.blobs: dict[Digest, Descriptor] = {}
        self.tagged: dict[TagName, TaggedReferrer] = {}
        self.fetched: int = 0
        self.error: CacheError | None = None
        self.root: Descriptor | None = None

    def read_documents(self) -> None:
        """Read the wanted documents into staging, and decide which blobs are needed.

        Costs one request for each absent document, and one HEAD for each optional blob. The lease
        holds all content before its presence is checked, because a collection could remove it
        after the check.

        Raises:
            PlatformNotFound: The image has no such platform.
            LimitExceeded: It is nested too deeply, or has too many documents.
        """
        root = self._resolve()
        found = graph.explore(
            [root],
            self._read_level,
            self._what,
            self._referrers_of if self._choice.has_referrers else None,
        )
        self._refuse_other_platform(root)
        self._graph = found.without(self._empty_indexes(found))
        self._context.lease.hold([*self._graph.blobs, *self._graph.optional])
        self.blobs = self._graph.blobs | self._available(self._graph.optional)
        self.root = root

    def count(self, size: int) -> None:
        """Add to the transferred bytes of the image."""
        with self._lock:
            self.fetched += size

    @property
    def needed(self) -> list[Digest]:
        """All content of the image, present or not."""
        return [*self.blobs, *self._graph.documents]

    @property
    def documents(self) -> list[Digest]:
        """The documents that are staged, children before their parents."""
        return [digest for digest in self._graph.documents if digest in self._staged]

    @property
    def referrers(self) -> list[Descriptor]:
        """Referrers of the image, as entries of index.json describe them."""
        found = self._graph
        contained = {each.digest for needed in found.content.values() for each in needed.documents}
        return [
            graph.described_referrer(found.descriptors[digest], self._parsed[digest])
            for digest in found.documents
            if digest in self._referring - contained and found.content[digest].subject
        ]

    def refuse_unknown_documents(self) -> None:
        """Refuse content of an unknown type that points at other content.

        Only indexes list such content. No collector could tell what it needs.

        Raises:
            InvalidManifest: There is such content.
        """
        for digest, listed in self._parsed.items():
            if digest in self._graph.content and isinstance(listed, Index):
                for each in self._graph.content[digest].leaves:
                    if each.digest in self.blobs and self._leads_on(each):
                        raise InvalidManifest(
                            f"{each.digest} is a document of the unknown type "
                            f"{str(each.media_type)!r}"
                        )

    # -- documents -------------------------------------------------------------------------

    def _resolve(self) -> Descriptor:
        pinned = self.reference.digest
        if pinned is not None:
            with self._context.catalog.reading() as connection:
                known = _local_descriptor(connection, pinned)
            if known is not None:
                return known
        return self.client.resolve(self.reference)

    def _read_level(self, level: Sequence[Descriptor]) -> list[RequiredContent]:
        digests = [each.digest for each in level]
        self._visited |= set(digests)
        self._context.lease.hold(digests)
        documents = run_all(self._context.pool, self._document, level)
        chosen = [
            document
            for digest, document in zip(digests, documents, strict=True)
            if isinstance(document, Index) and digest not in self._referring
        ]
        self._read_unclear(chosen)
        return list(map(self._content, digests, documents))

    def _content(self, digest: Digest, document: Index | Manifest) -> RequiredContent:
        if isinstance(document, Manifest):
            return graph.required_content(document)
        if digest in self._referring:  # an artifact is wanted as a whole, for whatever platform
            whole = graph.required_content(document)
            self._referring |= {each.digest for each in whole.documents}
            return whole
        chosen = selection.select(document, self._choice.platforms, self._clues)
        if self._choice.is_forced and not chosen.taken:
            chosen = _only_image(document, chosen)
        self._selected.append(chosen)
        return graph.required_content(document, chosen.chosen)

    def _read_unclear(self, indexes: Iterable[Index]) -> None:
        """Read the manifests that a selection needs, several at a time."""
        if not self._choice.platforms:
            return
        listed = chain.from_iterable(index.manifests for index in indexes)
        unclear = {each.digest: each for each in listed if selection.is_unclear(each)}
        graph.check_count(len(self._visited) + len(unclear), self._what)
        self._context.lease.hold(unclear)
        run_all(self._context.pool, self._document, unclear.values())
        silent = [each for each in unclear.values() if each.platform is None]
        run_all(self._context.pool, self._platform_of, silent)

    @property
    def _clues(self) -> selection.Clues:
        return selection.Clues(subject_of=self._subject_of, platform_of=self._platform_of)

    def _subject_of(self, descriptor: Descriptor) -> str | None:
        subject = self._document(descriptor).subject
        return None if subject is None else subject.digest

    def _platform_of(self, descriptor: Descriptor) -> Platform | None:
        return graph.configured_platform(self._document(descriptor), self._read_config)

    def _document(self, descriptor: Descriptor) -> Index | Manifest:
        """Return a document: from the layout if it is there and right, else from the registry."""
        digest = descriptor.digest
        if digest in self._parsed:
            return self._parsed[digest]
        content = self._local(descriptor)
        if content is None:
            content = self._download(descriptor)
        try:
            parsed = manifest.parse(content, descriptor.media_type)
        except InvalidManifest as error:
            raise error.of(digest) from error
        graph.check_config_size(parsed)
        self._parsed[digest] = parsed
        return parsed

    def _download(self, descriptor: Descriptor) -> bytes:
        content = descriptor.data
        if content is None:
            _, content = self.client.manifest(self.reference.path, descriptor)
            self.count(len(content))
        self._context.stage.add(descriptor.digest, content)
        self._staged.add(descriptor.digest)
        return content

    def _local(self, descriptor: Descriptor) -> bytes | None:
        digest = descriptor.digest
        try:
            return self._context.layout.blobs.read(digest, MANIFEST_BYTES)
        except (BlobNotFound, CorruptBlob):
            pass
        if not self._context.stage.has(digest, descriptor.size):
            return None
        self._staged.add(digest)
        return self._context.stage.read(digest, MANIFEST_BYTES.value)

    # -- referrers -------------------------------------------------------------------------

    def _referrers_of(self, subjects: Sequence[Descriptor]) -> list[list[Descriptor]]:
        """Return the referrers of each document that the registry lists and still has."""
        listed = run_all(self._context.pool, self._listed_referrers, subjects)
        each_once = {each.digest: each for found in listed for each in found}
        graph.check_count(len(self._visited) + len(each_once), self._what)
        self._context.lease.hold(each_once)
        present = run_all(self._context.pool, self._is_present, each_once.values())
        kept = {digest for digest, is_there in zip(each_once, present, strict=True) if is_there}
        self._referring |= kept - self._visited
        return [[each for each in found if each.digest in kept] for found in listed]

    def _listed_referrers(self, subject: Descriptor) -> list[Descriptor]:
        found = self.client.origin.referrers(self.reference.path, subject.digest)
        attached = self._attached(subject)
        return [each for each in (*found, *attached) if graph.is_document(each.media_type)]

    def _attached(self, subject: Descriptor) -> list[Descriptor]:
        """Return the attachments of cosign 2 to an image by tag, and record the tags."""
        is_attestation = subject.platform is not None and subject.platform.is_unknown
        if is_attestation or subject.digest in self._referring:
            return []
        found = self.client.origin.cosign_referrers(self.reference.path, subject.digest)
        with self._lock:
            self.tagged.update((each.tag, each) for each in found)
        return [each.descriptor for each in found]

    def _is_present(self, descriptor: Descriptor) -> bool:
        """Read a referrer; a list may still name a deleted one."""
        try:
            self._document(descriptor)
        except RefNotFound as error:
            self._context.progress.note(f"left out: {error}")
            return False
        return True

    # -- blobs -----------------------------------------------------------------------------

    def _available(self, optional: dict[Digest, Descriptor]) -> dict[Digest, Descriptor]:
        """Return the optional blobs that are in the layout or in the repository."""
        wanted = list(optional.values())
        found = run_all(self._context.pool, self._is_available, wanted)
        return {
            each.digest: each for each, is_there in zip(wanted, found, strict=True) if is_there
        }

    def _is_available(self, descriptor: Descriptor) -> bool:
        if descriptor.data is not None or self._context.layout.blobs.has(
            descriptor.digest, descriptor.size
        ):
            return True
        return self.client.origin.has_blob(self.reference.path, descriptor.digest)

    def _leads_on(self, descriptor: Descriptor) -> bool:
        if descriptor.media_type.is_layer or descriptor.size > MANIFEST_BYTES.value:
            return False
        content = self._context.stage.read(descriptor.digest, MANIFEST_BYTES.value)
        if content is None:
            content = self._context.layout.blobs.read(descriptor.digest, MANIFEST_BYTES)
        return leads_on(content)

    # -- platforms -------------------------------------------------------------------------

    def _refuse_other_platform(self, root: Descriptor) -> None:
        """Refuse an image without a manifest for a requested platform."""
        wanted = self._choice.platforms
        offered = [each for found in self._selected for each in found.offered]
        taken = [each for found in self._selected for each in found.taken]
        if not wanted or (self._choice.is_forced and (taken or root.media_type.is_manifest)):
            return
        if root.media_type.is_manifest:
            own = self._platform_of(root)
            offered = taken = [] if own is None else [own]
        for platform in wanted:
            if not selection.is_offered(platform, taken):
                names = [each.full for each in offered]
                raise PlatformNotFound(self.reference.familiar, str(platform), names)

    def _empty_indexes(self, found: ContentGraph) -> set[Digest]:
        """Return the inner indexes without a manifest for the wanted platforms."""
        dropped: set[Digest] = set()
        for digest in found.documents if self._choice.platforms else ():
            document, needed = self._parsed[digest], found.content[digest]
            lists_nothing_else = dropped.issuperset(each.digest for each in needed.documents)
            if not isinstance(document, Index) or digest in found.roots:
                continue
            if document.manifests and lists_nothing_else and not needed.blobs:
                dropped.add(digest)
        return dropped

    def _read_config(self, descriptor: Descriptor) -> bytes:
        downloads, stage = self._context.downloads, self._context.stage
        if downloads.missing([descriptor]):
            self.count(downloads.bring(self.client, self.reference, descriptor))
        content = stage.read(descriptor.digest, CONFIG_BYTES.value)
        if content is None:
            content = self._context.layout.blobs.read(descriptor.digest, CONFIG_BYTES)
        return content


def _only_image(index: Index, found: selection.Selection) -> selection.Selection:
    """Choose the only image of an index, although it is for another platform."""
    images = [
        each
        for each in index.manifests
        if each.media_type.is_manifest and not attestation.is_attestation(each.annotations)
    ]
    if len(images) != 1:
        return found
    digests = {each.digest for each in (*found.chosen, *images)}
    chosen = tuple(each for each in index.manifests if each.digest in digests)
    return found._replace(chosen=chosen, taken=found.offered)


def _local_descriptor(connection: Connection, digest: Digest) -> Descriptor | None:
    """Return the descriptor of a present document, which needs no request."""
    row = connection.first(blobs.DOCUMENT, digest=digest)
    if row is None:
        return None
    size = codecs.size(row.size)
    return Descriptor(media_type=MediaType(row.media_type), digest=digest, size=size)
