"""Downloads into staging, deduplicated across threads and processes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from cachedb.catalog.statement import many
from cachedb.catalog.statements import verification
from cachedb.errors import BlobNotFound, CorruptBlob

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.feedback.progress import Progress
    from cachedb.layout import Layout
    from cachedb.layout.blobs import BlobStore
    from cachedb.layout.staging.area import BlobWriter, StagingArea
    from cachedb.oci import Descriptor, Digest, Reference
    from cachedb.registry.client import Client


class Downloads:
    """The downloads of one operation; safe for several threads.

    `verified` are present blobs that were hashed for the first time.
    """

    def __init__(
        self, layout: Layout, catalog: Catalog, stage: StagingArea, progress: Progress
    ) -> None:
        self._layout = layout
        self._catalog = catalog
        self._stage = stage
        self._progress = progress
        self._stopped = threading.Event()
        self.verified: list[Digest] = []

    def stop(self) -> None:
        """End the running downloads when their next bytes arrive; they can be resumed."""
        self._stopped.set()

    def missing(self, wanted: Collection[Descriptor]) -> list[Descriptor]:
        """Return the blobs that are absent from the layout or damaged there; large ones first.

        A verified file of the right size that has not changed since is not hashed again; any other
        is.
        """
        with self._catalog.reading() as connection:
            proven = _proven(connection, [descriptor.digest for descriptor in wanted])
        with self._layout.blobs.kept_open() as blobs:
            missing = [d for d in wanted if not self._is_here(blobs, d, proven)]
        return sorted(missing, key=lambda descriptor: -descriptor.size)

    def bring(self, client: Client, image: Reference, descriptor: Descriptor) -> int:
        """Download one blob of an image into staging, resuming a partial file.

        Returns the bytes transferred. Waits while another process downloads the same blob, and
        then transfers no bytes.
        """
        digest, size = descriptor.digest, descriptor.size
        self._progress.expect(digest, size, image.familiar)
        fetched = 0
        with self._stage.writing(digest, size) as writer:
            if writer is not None:
                sink = _Watched(writer, digest, self._progress, self._stopped)
                _download(client, image.path, descriptor, sink)
                fetched = sink.written
        self._progress.finish(digest, size, "" if fetched or not size else "there already")
        return fetched

    def _is_here(self, blobs: BlobStore, descriptor: Descriptor, proven: dict[str, int]) -> bool:
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


class _Watched:
    """A blob writer that reports progress and can be stopped."""

    def __init__(
        self, writer: BlobWriter, digest: Digest, progress: Progress, stopped: threading.Event
    ) -> None:
        self._writer = writer
        self._digest = digest
        self._progress = progress
        self._stopped = stopped
        self.written = 0

    @property
    def offset(self) -> int:
        return self._writer.offset

    def write(self, chunk: bytes) -> None:
        if self._stopped.is_set():
            raise KeyboardInterrupt
        self._writer.write(chunk)
        self.written += len(chunk)
        self._progress.advance(self._digest, self._writer.offset)

    def restart(self) -> None:
        self._writer.restart()
        self._progress.advance(self._digest, 0)

    def check(self) -> None:
        self._writer.check()


def _download(client: Client, repository: str, descriptor: Descriptor, sink: _Watched) -> None:
    if descriptor.data is not None:
        sink.restart()
        sink.write(descriptor.data)
    else:
        client.download_checked(repository, descriptor, sink)


def _proven(connection: Connection, digests: Sequence[Digest]) -> dict[str, int]:
    """Return the verified blobs, and the time of the last change of each file."""
    return {
        row.digest: row.touched
        for row in connection.each(verification.INTACT, digests=many(digests))
    }
