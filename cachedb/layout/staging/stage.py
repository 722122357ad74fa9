"""The stage: where blobs are written before anybody can see them.

Everything is under our own folder, because a foreign collector removes from ``blobs/`` whatever
index.json does not reach, and because other tools trip over names there that are no digests.
A blob on its way is ``ingest/<algorithm>-<encoded>.part``, locked by whoever writes it, so two
processes never fetch the same blob twice and one that was killed is continued where it stopped.
A complete one has the same name without ``.part``; its bytes have been hashed and synced.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from cachedb.errors import CorruptBlob, StorageFailed
from cachedb.layout.directories import (
    closing,
    is_named,
    make_directory,
    open_directory,
    open_file,
    open_regular,
    read_whole,
    storing,
    write_all,
)
from cachedb.layout.locks import make_locked, nobody_staging, try_flock
from cachedb.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from hashlib import _Hash

    from cachedb.layout.blobs import BlobStore

_PART = os.O_RDWR | os.O_CREAT
_COMPLETE = re.compile(r"(sha256|sha384|sha512)-([0-9a-f]+)")
_CHUNK = 1 << 20


class BlobWriter:
    """A blob that is being written; `offset` bytes of it are there and hashed.

    `write` appends; `commit` checks size and hash and makes the blob complete.
    """

    def __init__(self, descriptor: int, digest: Digest, size: int) -> None:
        self._descriptor = descriptor
        self._digest = digest
        self._size = size
        self._hasher: _Hash = digest.hasher()
        self.offset = 0
        self._resume()

    def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes.

        Raises:
            CorruptBlob: There are more bytes than the size that was declared.
            StorageFailed: The file system refused; what was written before can be resumed.
        """
        if self.offset + len(chunk) > self._size:
            self.restart()
            raise CorruptBlob(self._digest, f"is longer than the {self._size} bytes declared")
        with storing("write a blob"):
            write_all(self._descriptor, chunk)
        self._hasher.update(chunk)
        self.offset += len(chunk)

    def restart(self) -> None:
        """Forget what has been written so far."""
        with storing("write a blob"):
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._hasher = self._digest.hasher()
        self.offset = 0

    def check(self) -> None:
        """Compare size and hash with what was declared; wrong bytes are forgotten.

        Raises:
            CorruptBlob: They differ.
        """
        if self.offset != self._size:
            raise CorruptBlob(
                self._digest, f"ended after {self.offset} of the {self._size} bytes declared"
            )
        if self._hasher.hexdigest() != self._digest.encoded:
            actual = f"{self._digest.algorithm}:{self._hasher.hexdigest()}"
            self.restart()
            raise CorruptBlob(self._digest, f"arrived as {actual}")

    def _resume(self) -> None:
        with storing("read what is there of a blob"):
            while chunk := os.read(self._descriptor, _CHUNK):
                self._hasher.update(chunk)
                self.offset += len(chunk)
        if self.offset > self._size:
            self.restart()


class Stage:
    """The blobs on their way into one layout; safe for several threads and processes."""

    def __init__(self, private: int, blobs: BlobStore) -> None:
        self._private = private
        self._blobs = blobs

    def has(self, digest: Digest, size: int) -> bool:
        """Whether the blob is complete here."""
        with self._ingest() as ingest:
            try:
                found = os.stat(name_of(digest), dir_fd=ingest, follow_symlinks=False)
            except FileNotFoundError:
                return False
        return found.st_size == size

    @contextmanager
    def writing(self, digest: Digest, size: int) -> Iterator[BlobWriter | None]:
        """Write one blob; yields None when it turns out to be complete already.

        Waits while another process writes the same blob. When the block ends well the blob is
        checked, synced and complete; when it does not, the part stays to be resumed.

        Raises:
            CorruptBlob: The bytes do not have the size or the hash declared.
            InvalidDigest: Nobody can check bytes against a digest of that algorithm.
        """
        digest = Digest(digest)
        with self._ingest() as ingest:
            descriptor = self._lock_part(ingest, digest, size)
            if descriptor is None:
                yield None
                return
            with closing(descriptor):
                writer = BlobWriter(descriptor, digest, size)
                yield writer
                writer.check()
                complete(ingest, descriptor, f"{name_of(digest)}.part", name_of(digest))

    def add(self, digest: Digest, content: bytes) -> None:
        """Put a small blob on the stage."""
        if not self.has(digest, len(content)):
            with self.writing(digest, len(content)) as writer:
                if writer is not None:
                    writer.restart()
                    writer.write(content)

    def add_unnamed(
        self, chunks: Iterable[bytes], algorithm: str = "sha256"
    ) -> tuple[Digest, int]:
        """Put a blob on the stage whose digest is known only at its end; returns digest, size."""
        name = f"unnamed-{secrets.token_hex(8)}.part"
        with self._ingest() as ingest, closing(make_locked(ingest, name)) as descriptor:
            try:
                digest, size = _write_hashing(descriptor, chunks, algorithm)
                complete(ingest, descriptor, name, name_of(digest))
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=ingest)
                raise
        return digest, size

    def read(self, digest: Digest, at_most: int) -> bytes | None:
        """Return a small blob from the stage; None if it is not complete here."""
        with self._ingest() as ingest:
            try:
                with closing(open_file(ingest, name_of(digest))) as descriptor:
                    return read_whole(descriptor, at_most)
            except FileNotFoundError:
                return None

    def publish(self, digests: Iterable[Digest]) -> None:
        """Move complete blobs to their place in the order given, and make that durable.

        Children come before their parents. A blob that another process has published meanwhile
        is passed over. The caller holds `gc.lock` shared until index.json names the result.

        Raises:
            StorageFailed: A blob is neither here nor there; nothing after it is published.
        """
        with self._ingest() as ingest:
            for digest in digests:
                is_moved = self._blobs.publish(ingest, name_of(digest), digest)
                if not is_moved and self._blobs.stat(digest) is None:
                    raise StorageFailed(f"{digest} has vanished from the stage")
        self._blobs.sync()

    def link(self, digests: Iterable[Digest]) -> None:
        """Publish complete blobs as `publish` does, but keep them here until `release`.

        Whoever removes from the store what has no name yet takes nothing from us then.

        Raises:
            StorageFailed: A blob is neither here nor there; nothing after it is published.
        """
        with self._ingest() as ingest:
            for digest in digests:
                is_linked = self._blobs.link(ingest, name_of(digest), digest)
                if not is_linked and self._blobs.stat(digest) is None:
                    raise StorageFailed(f"{digest} has vanished from the stage")
        self._blobs.sync()

    def release(self, digests: Iterable[Digest]) -> None:
        """Forget complete blobs that have their place, and a name that keeps them there."""
        with self._ingest() as ingest, storing("clear the stage"):
            for digest in digests:
                with suppress(FileNotFoundError):
                    os.unlink(name_of(digest), dir_fd=ingest)

    def clear(self, kept: Collection[str] = ()) -> int:
        """Remove parts that no running process writes, and complete blobs; returns the bytes.

        Those stay that `kept` names, and all of them while somebody has the stage open: whoever
        finds one there relies on it, and may not have said so in a lease yet.
        """
        try:
            directory = open_directory(self._private, "ingest")
        except FileNotFoundError:
            return 0
        freed = 0
        with (
            closing(directory),
            nobody_staging(self._private) as is_unused,
            os.scandir(directory) as entries,
        ):
            for entry in list(entries):
                if digest_of(entry.name) in kept or (is_complete(entry.name) and not is_unused):
                    continue
                with suppress(FileNotFoundError):
                    freed += _remove_unlocked(directory, entry.name)
        return freed

    @contextmanager
    def _ingest(self) -> Iterator[int]:
        with closing(make_directory(self._private, "ingest", mode=0o700)) as directory:
            yield directory

    def _lock_part(self, ingest: int, digest: Digest, size: int) -> int | None:
        name = f"{name_of(digest)}.part"
        while True:
            if self.has(digest, size):
                return None
            descriptor = open_regular(ingest, name, _PART)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                # The one before us may have completed it: then the name is another file's, or
                # nobody's, and what we hold the lock of is the complete blob.
                if is_named(ingest, name, descriptor):
                    # Or it had completed it before we opened, and this is a part of our making.
                    if not self.has(digest, size):
                        return descriptor
                    os.unlink(name, dir_fd=ingest)
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)


def _write_hashing(descriptor: int, chunks: Iterable[bytes], algorithm: str) -> tuple[Digest, int]:
    hasher = Digest.of(b"", algorithm).hasher()
    size = 0
    for chunk in chunks:
        with storing("write a blob"):
            write_all(descriptor, chunk)
        hasher.update(chunk)
        size += len(chunk)
    return Digest(f"{algorithm}:{hasher.hexdigest()}"), size


def complete(ingest: int, descriptor: int, part: str, name: str) -> None:
    """Give a file whose bytes have been checked the name of a complete blob."""
    with storing("complete a blob"):
        os.fsync(descriptor)
        os.fchmod(descriptor, 0o444)
        os.rename(part, name, src_dir_fd=ingest, dst_dir_fd=ingest)


def _remove_unlocked(directory: int, name: str) -> int:
    descriptor = open_file(directory, name)
    with closing(descriptor):
        if not try_flock(descriptor):
            return 0
        size = os.fstat(descriptor).st_size
        os.unlink(name, dir_fd=directory)
        return size


def name_of(digest: Digest) -> str:
    """Return what a complete blob is called on the stage."""
    return f"{digest.algorithm}-{digest.encoded}"


def is_complete(name: str) -> bool:
    """Whether that is what a complete blob is called on the stage."""
    return _COMPLETE.fullmatch(name) is not None


def digest_of(name: str) -> str | None:
    """Return the digest of a blob on the stage, complete or not; None if it is something else."""
    matched = _COMPLETE.fullmatch(name.removesuffix(".part"))
    return f"{matched[1]}:{matched[2]}" if matched else None
