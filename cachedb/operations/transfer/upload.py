"""Uploads of the blobs and documents that one repository lacks."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from functools import partial
from typing import TYPE_CHECKING, cast

from cachedb.errors import (
    RateLimited,
    RefNotFound,
    RegistryError,
    RegistryUnavailable,
    UntrustedOrigin,
    WrongContent,
)
from cachedb.oci import Descriptor, Digest, Index
from cachedb.operations.transfer.push_graph import open_blob
from cachedb.operations.transfer.workers import run_all
from cachedb.registry.uploads import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Executor
    from typing import BinaryIO

    from cachedb.feedback.progress import Progress
    from cachedb.layout import Layout
    from cachedb.oci import Reference
    from cachedb.oci.reference import TagName
    from cachedb.operations.transfer.push_graph import PushDocument
    from cachedb.registry.registry import Registry

# These errors make an upload without mounting fail too.
_NOT_ABOUT_MOUNTING = (RegistryUnavailable, RateLimited, UntrustedOrigin, WrongContent)


class RepositoryUpload:
    """Upload of content into one repository, with counts of bytes and blobs.

    `sources` maps blobs to another repository of the registry that may have them; `disproved` has
    the wrong ones. `sent` is in bytes.
    """

    def __init__(
        self,
        layout: Layout,
        registry: Registry,
        target: Reference,
        pool: Executor,
        progress: Progress,
    ) -> None:
        self._layout = layout
        self._registry = registry
        self._target = target
        self._path = target.path
        self._pool = pool
        self._progress = progress
        self._lock = threading.Lock()
        self.sources: Mapping[str, str] = {}
        self.disproved: dict[str, list[Digest]] = defaultdict(list)
        self.outcomes: Counter[Outcome] = Counter()
        self.sent: int = 0

    def lacking_documents(self, documents: Iterable[Descriptor]) -> list[Descriptor]:
        """Return the documents that the repository lacks; costs one HEAD each."""
        return self._lacking(self._has_document, documents)

    def lacking_blobs(self, blobs: Iterable[Descriptor]) -> list[Descriptor]:
        """Return the blobs that the repository lacks; costs one HEAD each."""
        return self._lacking(self._has_blob, blobs)

    def absent(self, documents: Sequence[PushDocument]) -> list[PushDocument]:
        """Return the documents that the repository lacks, in the order given.

        A document that the repository has is complete, or the registry would have refused it.
        """
        lacking = {d.digest for d in self.lacking_documents(d.descriptor for d in documents)}
        return [document for document in documents if document.descriptor.digest in lacking]

    def bring_blobs(self, documents: Iterable[PushDocument]) -> None:
        """Upload the blobs of documents, each once, large ones first."""
        blobs = {blob.digest: blob for document in documents for blob in document.blobs}
        self._progress.announce(sum(blob.size for blob in blobs.values()))
        run_all(self._pool, self._bring_blob, sorted(blobs.values(), key=lambda blob: -blob.size))

    def put_all(self, documents: Sequence[PushDocument]) -> None:
        """Put documents by digest; the order given has children and subjects first."""
        run_all(self._pool, self.put, [each for each in documents if _is_free(each)])
        # One after the other: parents after children, and without a referrers API the client reads
        # and writes the list behind the fallback tag.
        for document in documents:
            if not _is_free(document):
                self.put(document)

    def put(self, document: PushDocument, tag: TagName | None = None) -> None:
        """Put a document by its digest, or by a tag."""
        descriptor = document.descriptor
        target: Digest | TagName = Digest(descriptor.digest) if tag is None else tag
        self._registry.put_manifest(self._path, target, descriptor.media_type, document.content)

    def _lacking(
        self, has: Callable[[Descriptor], bool], descriptors: Iterable[Descriptor]
    ) -> list[Descriptor]:
        wanted = list(descriptors)
        found = run_all(self._pool, has, wanted)
        return [wanted for wanted, is_there in zip(wanted, found, strict=True) if not is_there]

    def _has_document(self, descriptor: Descriptor) -> bool:
        kind = descriptor.media_type
        if not (kind.is_index or kind.is_manifest):
            return False  # a registry has no manifest of an unknown type
        try:
            self._registry.resolve(self._target.with_digest(Digest(descriptor.digest)))
        except RefNotFound:
            return False
        return True

    def _has_blob(self, descriptor: Descriptor) -> bool:
        return self._registry.has_blob(self._path, Digest(descriptor.digest))

    def _bring_blob(self, descriptor: Descriptor) -> None:
        digest = descriptor.digest
        self._progress.expect(digest, descriptor.size, self._target.familiar)
        source = self.sources.get(digest)
        try:
            outcome = self._push_blob(descriptor, source)
        except _NOT_ABOUT_MOUNTING:
            raise
        except RegistryError:
            if source is None:
                raise
            # The other repository may not be readable, or the registry may not support mounting.
            outcome = self._push_blob(descriptor, None)
        with self._lock:
            self.outcomes[outcome] += 1
            if source is not None and outcome is Outcome.UPLOADED:
                self.disproved[source].append(digest)
        self._progress.finish(digest, descriptor.size, outcome)

    def _push_blob(self, descriptor: Descriptor, source: str | None) -> Outcome:
        return self._registry.push_blob(
            self._path, descriptor, partial(self._open, descriptor), source=source
        )

    def _open(self, descriptor: Descriptor, offset: int) -> BinaryIO:
        file = open_blob(self._layout, descriptor, offset)
        return cast("BinaryIO", _Watched(file, descriptor.digest, offset, self))

    def note_sent(self, digest: Digest, offset: int, count: int) -> None:
        """Count bytes that were read for sending; `offset` is the position in the blob now."""
        with self._lock:
            self.sent += count
        self._progress.advance(digest, offset)


class _Watched:
    """A blob that reports how many of its bytes have been read."""

    def __init__(
        self, file: BinaryIO, digest: Digest, offset: int, upload: RepositoryUpload
    ) -> None:
        self._file = file
        self._digest = digest
        self._offset = offset
        self._upload = upload

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self._offset += len(chunk)
        self._upload.note_sent(self._digest, self._offset, len(chunk))
        return chunk

    def close(self) -> None:
        self._file.close()


def _is_free(document: PushDocument) -> bool:
    """Return whether a document may be put concurrently with others."""
    return document.subject is None and not isinstance(document.parsed, Index)
