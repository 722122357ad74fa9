"""Fetch: the documents of one image, from its root down, and which blobs it needs."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from cachedb.catalog.enums import State
from cachedb.catalog.index.derive import DOCUMENTS
from cachedb.catalog.schema import blob
from cachedb.errors import (
    BlobNotFound,
    CacheError,
    CorruptBlob,
    InvalidManifest,
    PlatformNotFound,
    RefNotFound,
)
from cachedb.limits import CONFIG_BYTES, GRAPH_DEPTH, GRAPH_NODES, MANIFEST_BYTES
from cachedb.oci import Descriptor, Index, MediaType, config, manifest
from cachedb.oci.manifest import Role
from cachedb.operations.transfer.platform_selection import (
    is_offered,
    may_be_referrer,
    select_with_referrers,
)
from cachedb.operations.transfer.workers import run_all

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.layout import Layout
    from cachedb.layout.staging.stage import Stage
    from cachedb.oci import Digest, Manifest, Platform, Reference
    from cachedb.operations.transfer.download import Transfers
    from cachedb.operations.transfer.progress import Progress
    from cachedb.operations.transfer.publish import Lease
    from cachedb.registry.client import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What of an image is wanted: no platforms are all of them.

    `is_forced` takes an image that is for another platform than the one that was asked for.
    """

    platforms: tuple[Platform, ...]
    is_forced: bool
    has_referrers: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the images of one pull share."""

    layout: Layout
    catalog: Catalog
    stage: Stage
    lease: Lease
    pool: Executor
    transfers: Transfers
    progress: Progress


class Fetch:
    """One image on its way: level by level its documents, which tell the blobs that it needs.

    `error` is why it does not arrive; `fetched` is in bytes.
    """

    def __init__(
        self, around: Surroundings, client: Client, reference: Reference, choice: Choice
    ) -> None:
        self._around = around
        self._reference = reference
        self._choice = choice
        self._read: dict[Digest, Index | Manifest] = {}
        self._order: dict[Digest, None] = {}
        self._on_stage: set[Digest] = set()
        self._offered: list[Platform] = []
        self._taken: list[Platform] = []
        self._single: Descriptor | None = None
        self._lock = threading.Lock()
        self.client = client
        self.repository = reference.path
        self.blobs: dict[Digest, Descriptor] = {}
        self.fetched = 0
        self.error: CacheError | None = None
        self.root: Descriptor | None = None

    def read_documents(self) -> None:
        """Bring the documents that are wanted onto the stage.

        Raises:
            PlatformNotFound: The image has no such platform.
        """
        root = self._resolve()
        self._walk([root])
        self._refuse_other_platform(root)
        if self._choice.has_referrers:
            self._walk_referrers()
        self._around.lease.hold([*self.blobs, *self._order])
        self.root = root

    def count(self, size: int) -> None:
        """Note that so many bytes were transferred."""
        with self._lock:
            self.fetched += size

    @property
    def needed(self) -> list[Digest]:
        """Everything that the image needs, wherever it is."""
        return [*self.blobs, *self._order]

    @property
    def documents(self) -> list[Digest]:
        """The documents that are on the stage, children before their parents."""
        return [digest for digest in reversed(self._order) if digest in self._on_stage]

    def _resolve(self) -> Descriptor:
        pinned = self._reference.digest
        if pinned is not None:
            with self._around.catalog.reading() as connection:
                known = _local_descriptor(connection, pinned)
            if known is not None:
                return known
        return self.client.resolve(self._reference)

    def _walk(self, level: Sequence[Descriptor]) -> list[Digest]:
        """Read documents and what they lead to, one level after the other."""
        walked: list[Digest] = []
        depth = 0
        while level:
            GRAPH_DEPTH.check(depth, f"the nesting of {self._reference.familiar!r}")
            new = {each.digest: each for each in level if each.digest not in self._order}
            self._order.update(dict.fromkeys(new))
            self._check_count(len(self._order))
            # Before anybody looks whether they are here: a collection could take them after that.
            self._around.lease.hold(new)
            documents = run_all(self._around.pool, self._document, new.values())
            below: list[Descriptor] = []
            for descriptor, document in zip(new.values(), documents, strict=True):
                if isinstance(document, Index):
                    below += self._wanted(document)
                else:
                    self._need_content(descriptor, document, is_root=depth == 0)
            walked += new
            level, depth = below, depth + 1
        return walked

    def _wanted(self, index: Index) -> list[Descriptor]:
        """Return what an index lists that is wanted; what is no document at all never is."""
        listed = {
            child.digest: child
            for child in index.manifests
            if child.media_type.is_index or child.media_type.is_manifest
        }
        platforms = [child.platform for child in listed.values() if child.platform]
        self._offered += [each for each in platforms if not each.is_unknown]
        wanted = self._choice.platforms
        if wanted:
            unclear = [child for child in listed.values() if may_be_referrer(child)]
            self._check_count(len(self._order) + len(unclear))
            run_all(self._around.pool, self._document, unclear)
        chosen = select_with_referrers(index, wanted, self._subject_of)
        return [child for child in chosen if child.digest in listed]

    def _subject_of(self, descriptor: Descriptor) -> str | None:
        subject = self._document(descriptor).subject
        return None if subject is None else subject.digest

    def _walk_referrers(self) -> None:
        """Read what refers to the documents, and what refers to that."""
        subjects = list(self._order)
        rounds = 0
        while subjects:
            rounds += 1
            GRAPH_DEPTH.check(rounds, f"the nesting of referrers of {self._reference.familiar!r}")
            lists = run_all(self._around.pool, self._referrers_of, subjects)
            listed = {each.digest: each for found in lists for each in found}
            self._check_count(len(self._order) + len(listed))
            present = run_all(self._around.pool, self._is_present, listed.values())
            found = [d for d, is_there in zip(listed.values(), present, strict=True) if is_there]
            subjects = self._walk([each for each in found if each.digest not in self._order])

    def _referrers_of(self, subject: Digest) -> list[Descriptor]:
        found = self.client.origin.referrers(self.repository, subject)
        return [each for each in found if each.media_type.is_index or each.media_type.is_manifest]

    def _is_present(self, descriptor: Descriptor) -> bool:
        """Read a referrer; a list may still name one that is gone."""
        try:
            self._document(descriptor)
        except RefNotFound as error:
            self._around.progress.note(f"left out: {error}")
            return False
        return True

    def _check_count(self, number: int) -> None:
        GRAPH_NODES.check(number, f"the number of documents of {self._reference.familiar!r}")

    def _document(self, descriptor: Descriptor) -> Index | Manifest:
        """Return a document: from the layout if it is there and right, else from the registry."""
        digest = descriptor.digest
        if digest in self._read:
            return self._read[digest]
        content = self._local(descriptor)
        if content is None:
            content = self._bring(descriptor)
        try:
            self._read[digest] = manifest.parse(content, descriptor.media_type)
        except InvalidManifest as error:
            raise error.of(digest) from error
        return self._read[digest]

    def _bring(self, descriptor: Descriptor) -> bytes:
        content = descriptor.data
        if content is None:
            _, content = self.client.manifest(self.repository, descriptor)
            self.count(len(content))
        self._around.stage.add(descriptor.digest, content)
        self._on_stage.add(descriptor.digest)
        return content

    def _local(self, descriptor: Descriptor) -> bytes | None:
        digest = descriptor.digest
        try:
            return self._around.layout.blobs.read(digest, MANIFEST_BYTES)
        except (BlobNotFound, CorruptBlob):
            pass
        if not self._around.stage.has(digest, descriptor.size):
            return None
        self._on_stage.add(digest)
        return self._around.stage.read(digest, MANIFEST_BYTES.value)

    def _need_content(self, descriptor: Descriptor, document: Manifest, *, is_root: bool) -> None:
        for child in document.children():
            if child.role is Role.SUBJECT or not child.descriptor.media_type.is_distributable:
                continue
            self.blobs.setdefault(child.descriptor.digest, child.descriptor)
        if is_root and document.is_image and document.config is not None:
            self._single = document.config
        elif descriptor.platform is not None:
            self._taken.append(descriptor.platform)

    def _refuse_other_platform(self, root: Descriptor) -> None:
        """Refuse an image that has nothing for a platform that was asked for."""
        wanted = self._choice.platforms
        if self._choice.is_forced or not wanted:
            return
        if self._single is not None and root.media_type.is_manifest:
            self._offered = self._taken = [self._configured(self._single)]
        for platform in wanted:
            if not is_offered(platform, self._taken):
                offered = [each.full for each in self._offered]
                raise PlatformNotFound(self._reference.familiar, str(platform), offered)

    def _configured(self, descriptor: Descriptor) -> Platform:
        transfers = self._around.transfers
        if transfers.missing([descriptor]):
            self.count(transfers.bring(self.client, self.repository, descriptor))
        content = self._around.stage.read(descriptor.digest, CONFIG_BYTES.value)
        if content is None:
            content = self._around.layout.blobs.read(descriptor.digest, CONFIG_BYTES)
        return config.parse(content).platform


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
