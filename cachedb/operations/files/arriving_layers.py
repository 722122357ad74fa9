"""Layers indexed while they arrive, from the bytes that are hashed: no blob is read twice."""

from __future__ import annotations

import io
from queue import Queue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

from cachedb.archive.compression import Compression, sniff
from cachedb.archive.image_tree import hash_members
from cachedb.catalog.files.removal import forget_layers
from cachedb.catalog.statements.index import file_entries as statements
from cachedb.errors import CacheError, LimitExceeded
from cachedb.layout.staging.arrivals import Arrivals, ArrivingBlob
from cachedb.operations.files import file_rows

if TYPE_CHECKING:
    from collections.abc import Collection

    from cachedb.archive.image_tree import LayerFile
    from cachedb.catalog.connect import Catalog
    from cachedb.oci import Digest

_WAITING: Final = 8
"""Chunks that wait for the reader of a layer; a transfer that is faster waits."""
_HEAD: Final = 512
"""Bytes of a tar header, which ends in zeros behind the magic at 257."""
_MAGIC: Final = slice(257, 262)


class ArrivingLayers(Arrivals):
    """Index arriving blobs that are tar archives, compressed or not; safe for several threads.

    A thread for each arriving blob decompresses and hashes its files, beside the thread that
    receives it. Each is written to the index when it is complete, in a transaction of its own, so
    that an interrupted transfer keeps the layers that it finished. A blob that cannot be indexed
    now is left to `index_files`, which reads it from the layout.

    `written` are the digests of the blobs that were indexed: an archive may not be a layer, which
    is known only after the manifests have arrived.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._turn = Lock()
        self.written: set[Digest] = set()

    def open(self, expected: Digest | None) -> ArrivingBlob:
        """Return the observer of one blob."""
        return _ArrivingLayer(self, "layer" if expected is None else f"layer {expected}")

    def write(self, digest: Digest, found: list[LayerFile] | CacheError) -> None:
        """Write the entries of a layer, or its problem, unless it is indexed already."""
        if isinstance(found, LimitExceeded):
            return  # not recorded, so that a higher limit reads it; `index_files` reports it
        try:
            with self._turn, self._catalog.writing_files() as connection:
                if connection.first(statements.LAYER, digest=digest) is not None:
                    return
                file_rows.write_found(connection, digest, found)
        except CacheError:
            return  # a full disk or another writer: the transfer goes on
        self.written.add(digest)

    def forget_others(self, layers: Collection[Digest]) -> None:
        """Remove indexed archives that are not layers with files of an image."""
        others = self.written - set(layers)
        if others:
            forget_layers(self._catalog, others)


class _ArrivingLayer(ArrivingBlob):
    """One arriving blob: its first bytes determine whether it is read as a layer."""

    def __init__(self, layers: ArrivingLayers, name: str) -> None:
        self._layers = layers
        self._name = name
        self._head = b""
        self._reading: _Reading | None = None

    def take(self, chunk: bytes | memoryview) -> None:
        if self._reading is not None:
            self._reading.take(bytes(chunk))
            return
        if len(self._head) >= _HEAD:
            return
        self._head += chunk
        if len(self._head) >= _HEAD and _may_be_tar(self._head):
            self._begin()

    def restart(self) -> None:
        self.abandon()
        self._head = b""

    def complete(self, digest: Digest) -> None:
        if self._reading is None and _may_be_tar(self._head):
            self._begin()  # shorter than a tar header, as an empty compressed layer is
        if self._reading is not None:
            found = self._reading.finish()
            self._reading = None
            if found is not None:
                self._layers.write(digest, found)

    def abandon(self) -> None:
        if self._reading is not None:
            self._reading.finish()
            self._reading = None

    def _begin(self) -> None:
        self._reading = _Reading(self._name)
        self._reading.take(self._head)


class _Reading:
    """A thread that reads a layer from arriving chunks."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._chunks: Queue[bytes] = Queue(_WAITING)
        self._found: list[LayerFile] | CacheError | None = None
        self._thread = Thread(target=self._read, name="index files", daemon=True)
        self._thread.start()

    def take(self, chunk: bytes) -> None:
        if chunk:
            self._chunks.put(chunk)

    def finish(self) -> list[LayerFile] | CacheError | None:
        """End the layer; return its entries, or the reason why it cannot be read."""
        self._chunks.put(b"")
        self._thread.join()
        return self._found

    def _read(self) -> None:
        source = _ChunkStream(self._chunks)
        try:
            self._found = list(hash_members(source, name=self._name))  # type: ignore[arg-type]
        except CacheError as error:
            self._found = error
        finally:
            source.drain()


class _ChunkStream(io.RawIOBase):
    """A stream of chunks from another thread, the last of them empty."""

    def __init__(self, chunks: Queue[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""
        self._is_ended = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""
        if not self._rest and not self._is_ended:
            self._rest = self._chunks.get()
            self._is_ended = not self._rest
        found = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(found) :]
        return found

    def drain(self) -> None:
        """Discard the remaining chunks, so that the writing thread does not wait."""
        while not self._is_ended:
            self._is_ended = not self._chunks.get()


def _may_be_tar(head: bytes) -> bool:
    return sniff(head) is not Compression.NONE or head[_MAGIC] == b"ustar" or _is_old_tar(head)


def _is_old_tar(head: bytes) -> bool:
    """Return whether a tar header has a file name and a checksum in octal digits, and no magic."""
    digits = head[148:156].strip(b"\0 ")
    return len(head) >= _HEAD and digits.isdigit() and not head[257:].strip(b"\0")
