"""Blobs that an import can use: those of an archive or of another layout, and present ones."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from cachedb.errors import (
    BlobNotFound,
    CorruptBlob,
    InvalidArchive,
    InvalidReference,
)
from cachedb.feedback.progress import warn_of_algorithms
from cachedb.limits import MANIFEST_BYTES
from cachedb.oci import Descriptor, Digest, Reference, media_type
from cachedb.operations.sync.recover import undo_sweeps
from cachedb.operations.transfer.publish import removed_meanwhile

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from cachedb.archive.docker_archive import Image
    from cachedb.feedback.progress import Progress
    from cachedb.layout import Layout
    from cachedb.layout.blobs import BlobStore
    from cachedb.layout.staging.area import StagingArea
    from cachedb.operations.archives.import_closure import ClosureReader
    from cachedb.operations.transfer.publish import Lease

_CHUNK = 1 << 20


class ArchiveIntake:
    """Staging of the blobs of an archive, except those in the layout.

    `image` is the name of the image that is read, for progress; an archive names its images last.
    """

    def __init__(
        self, layout: Layout, stage: StagingArea, lease: Lease, progress: Progress
    ) -> None:
        self._layout = layout
        self.stage = stage
        self._lease = lease
        self._progress = progress
        self._held: set[Digest] = set()
        self._reused: set[Digest] = set()
        self.image = ""
        self.staged: dict[Digest, int] = {}

    def hold(self, digests: Iterable[Digest]) -> None:
        """Protect blobs from the collector before their presence is checked; one transaction."""
        new = set(digests) - self._held
        if new:
            self._lease.hold(new)
            self._held |= new

    def store(self, chunks: Iterator[bytes], digest: Digest | None, size: int) -> Digest:
        """Stage a blob; implements `image_archive.Store`."""
        if digest is None:
            digest, size = self.stage.add_unnamed(chunks)
        else:
            self.hold([digest])
            if self._is_here(digest, size):
                self._reused.add(digest)
                return digest
            self._progress.expect(digest, size, self.image)
            with self.stage.writing(digest, size) as writer:
                if writer is not None:
                    writer.restart()
                    for chunk in chunks:
                        writer.write(chunk)
                        self._progress.advance(digest, writer.offset)
            self._progress.finish(digest, size)
        self.staged[digest] = size
        return digest

    def warn_of_algorithms(self, digests: Iterable[Digest]) -> None:
        """Report blobs whose digests other tools cannot read."""
        warn_of_algorithms(self._progress, digests)

    def as_written(self, entry: Descriptor, reader: ClosureReader) -> Descriptor:
        """Return an entry with the media type of its document; report one that differs."""
        found = reader.as_written(entry)
        if found != entry:
            self._progress.note(
                f"warning: {entry.digest} is declared {str(entry.media_type)!r}, and is imported "
                f"as {str(found.media_type)!r}, which it is"
            )
        return found

    def manifests_for(self, images: tuple[Image, ...]) -> list[tuple[str | None, Descriptor]]:
        """Stage the manifests made for docker's images; return them with their tags."""
        found: list[tuple[str | None, Descriptor]] = []
        for image in images:
            content = image.manifest
            digest = Digest.of(content)
            self.stage.add(digest, content)
            self.staged[digest] = len(content)
            descriptor = Descriptor(
                media_type=media_type.OCI_MANIFEST, digest=digest, size=len(content)
            )
            found += [(_canonical(tag), descriptor) for tag in image.tags] or [(None, descriptor)]
        return found

    def store_embedded(self, digest: Digest, content: bytes) -> int:
        """Store embedded content, since other tools read the blob alone; return its size."""
        self.hold([digest])
        self.stage.add(digest, content)
        self.staged[digest] = len(content)
        return len(content)

    def size_of(self, digest: Digest) -> int | None:
        """Return the size of a staged or present blob; None if it is neither.

        A sweep that began before the blob was held may have quarantined it, and restores it.

        Raises:
            CacheBusy: A blob that was present has been removed meanwhile.
        """
        if digest in self.staged:
            return self.staged[digest]
        file = self._layout.blobs.stat(digest)
        if file is None:
            undo_sweeps(self._layout)
            file = self._layout.blobs.stat(digest)
        if file is None and digest in self._reused:
            raise removed_meanwhile(digest)
        return None if file is None else file.size

    def small_blobs(self, without: Collection[Digest]) -> Iterator[tuple[Digest, bytes]]:
        """Yield the staged blobs that may be documents, except some."""
        for digest, size in self.staged.items():
            if digest not in without and size <= MANIFEST_BYTES.value:
                content = self.read(digest)
                if content is not None:
                    yield digest, content

    def read(self, digest: Digest) -> bytes | None:
        """Return the bytes of a staged or present document; None if it is neither.

        A process that stages the same blob at the same time may have published it.
        """
        content = self.stage.read(digest, MANIFEST_BYTES.value) if digest in self.staged else None
        if content is not None:
            return content
        with suppress(BlobNotFound, CorruptBlob):
            return self._layout.blobs.read(digest, MANIFEST_BYTES)
        with suppress(BlobNotFound, CorruptBlob):
            if self.size_of(digest) is not None:
                return self._layout.blobs.read(digest, MANIFEST_BYTES)
        return None

    def _is_here(self, digest: Digest, size: int) -> bool:
        if not self._layout.blobs.has(digest, size):
            return False
        try:
            self._layout.blobs.verify(digest)
        except (BlobNotFound, CorruptBlob):
            return False
        return True


class DirectoryIntake(ArchiveIntake):
    """Staging of blobs of another layout, each when its size is first requested."""

    def __init__(
        self,
        layout: Layout,
        stage: StagingArea,
        lease: Lease,
        progress: Progress,
        origin: BlobStore,
        source: str,
    ) -> None:
        super().__init__(layout, stage, lease, progress)
        self._origin = origin
        self._source = source
        self._brought: set[Digest] = set()

    def size_of(self, digest: Digest) -> int | None:
        """Return the size of a blob, after it was staged; None if neither layout has it."""
        if digest not in self._brought:
            self._bring(digest)
            self._brought.add(digest)
        return super().size_of(digest)

    def small_blobs(self, without: Collection[Digest]) -> Iterator[tuple[Digest, bytes]]:
        """Yield the blobs of the other layout that may be documents, except some."""
        for file in self._origin.files():
            if file.digest in without or file.size > MANIFEST_BYTES.value:
                continue
            with suppress(BlobNotFound, CorruptBlob):
                if self._origin.starts_with(file.digest, b"{"):
                    yield file.digest, self._origin.read(file.digest, MANIFEST_BYTES)

    def _bring(self, digest: Digest) -> None:
        file = self._origin.stat(digest)
        if file is None:
            obstacle = self._origin.obstacle(digest)
            if obstacle is not None:
                raise InvalidArchive(self._source, f"blob {digest} {obstacle}")
            return
        try:
            with self._origin.open(digest) as stream:
                self.store(iter(lambda: stream.read(_CHUNK), b""), digest, file.size)
        except CorruptBlob as error:
            raise InvalidArchive(self._source, f"blob {digest} {error.why}") from error


def _canonical(tag: str) -> str:
    try:
        return str(Reference.parse(tag))
    except InvalidReference:
        return tag
