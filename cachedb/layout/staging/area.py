"""Staging area: blobs that are being written, before they are published in ``blobs/``.

It is in ``.cachedb``, because the collectors of other tools remove every blob that index.json does
not reach, and fail on file names in ``blobs/`` that are not digests. A partial blob is
``ingest/<algorithm>-<encoded>.part``, locked by its writer, so two processes never download the
same blob, and an interrupted download is resumed. A complete one has the same name without
``.part``; its bytes are verified and synced.
"""

from __future__ import annotations

import os
from _thread import allocate_lock
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from cachedb.closing import Closing
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
from cachedb.layout.locks import exclusive_staging, make_locked, try_flock
from cachedb.layout.staging.arrivals import UNOBSERVED
from cachedb.lock_waits import Wait, holder_of
from cachedb.oci.digest import Digest
from cachedb.patterns import lazy
from cachedb.system_calls import SlicedSync, free_behind, sync

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from hashlib import _Hash

    from cachedb.layout.blobs import BlobStore
    from cachedb.layout.staging.arrivals import Arrivals, ArrivingBlob

_PART = os.O_RDWR | os.O_CREAT
_COMPLETE = lazy(r"(sha256|sha384|sha512)-([0-9a-f]+)")
_CHUNK = 1 << 20


class BlobWriter:
    """Append bytes to a partial blob, of which `offset` bytes are written and hashed.

    `write` appends; `check` compares size and hash. `arriving` receives the bytes that are hashed.
    """

    def __init__(self, descriptor: int, digest: Digest, size: int, arriving: ArrivingBlob) -> None:
        self._descriptor = descriptor
        self._digest = digest
        self._size = size
        self._arriving = arriving
        self._hasher: _Hash = digest.hasher()
        self._slices = SlicedSync(descriptor)
        self.offset: int = 0
        self._resume()

    def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes.

        Raises:
            CorruptBlob: There are more bytes than declared; the part is discarded.
            StorageFailed: The file system refused; the part can be resumed.
        """
        if self.offset + len(chunk) > self._size:
            self.restart()
            raise CorruptBlob(self._digest, f"is longer than the {self._size} bytes declared")
        with storing("write a blob"):
            write_all(self._descriptor, chunk)
            self._slices.wrote(len(chunk))
        self._take(chunk)

    def restart(self) -> None:
        """Discard the bytes written so far.

        Raises:
            StorageFailed: The file cannot be truncated.
        """
        with storing("write a blob"):
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._hasher = self._digest.hasher()
        self._arriving.restart()
        self.offset = 0

    def check(self) -> None:
        """Compare size and hash with those declared; discard the part if the hash differs.

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
        with storing("read the part of a blob"):
            while chunk := os.read(self._descriptor, _CHUNK):
                self._take(chunk)
        if self.offset > self._size:
            self.restart()

    def _take(self, chunk: bytes | memoryview) -> None:
        self._hasher.update(chunk)
        self._arriving.take(chunk)
        self.offset += len(chunk)


class StagingArea(Closing):
    """Write blobs and publish them into one layout; safe for several threads and processes.

    `arrivals` observes the bytes of every blob that is written. The directory of staged blobs is
    opened once, and stays open until `close`.
    """

    def __init__(self, private: int, blobs: BlobStore, arrivals: Arrivals = UNOBSERVED) -> None:
        self._private = private
        self._blobs = blobs
        self._arrivals = arrivals
        self._turn = allocate_lock()
        self._ingest: int | None = None

    def close(self) -> None:
        """Close the directory of staged blobs."""
        with self._turn:
            if self._ingest is not None:
                os.close(self._ingest)
                self._ingest = None

    def has(self, digest: Digest, size: int) -> bool:
        """Return whether the blob is complete: a file of `size` bytes, which are not read."""
        try:
            found = os.stat(name_of(digest), dir_fd=self._directory, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return found.st_size == size

    @contextmanager
    def writing(self, digest: Digest, size: int) -> Iterator[BlobWriter | None]:
        """Write one blob; yields None if it is complete already.

        Waits, without a limit, while another process writes the same blob. At the end of the block
        the blob is verified, synced and complete; after an exception the part stays to be resumed.

        Raises:
            CorruptBlob: Size or hash differ from those declared.
            InvalidDigest: cachedb cannot compute digests of that algorithm.
        """
        digest = Digest(digest)
        ingest = self._directory
        descriptor = self._lock_part(ingest, digest, size)
        if descriptor is None:
            yield None
            return
        with closing(descriptor), _arriving(self._arrivals, digest) as arriving:
            writer = BlobWriter(descriptor, digest, size, arriving)
            yield writer
            writer.check()
            complete(ingest, descriptor, f"{name_of(digest)}.part", name_of(digest))
            arriving.complete(digest)

    def add(self, digest: Digest, content: bytes) -> None:
        """Stage a small blob, unless it is staged already.

        Raises:
            CorruptBlob: The content has another digest.
            StorageFailed: It cannot be written.
        """
        if not self.has(digest, len(content)):
            with self.writing(digest, len(content)) as writer:
                if writer is not None:
                    writer.restart()
                    writer.write(content)

    def add_unnamed(
        self, chunks: Iterable[bytes], algorithm: str = "sha256"
    ) -> tuple[Digest, int]:
        """Stage a blob whose digest is known only at its end; return digest and size in bytes.

        A failure, or an exception of `chunks`, leaves no file.

        Raises:
            StorageFailed: It cannot be written.
        """
        name = f"unnamed-{os.urandom(8).hex()}.part"
        ingest = self._directory
        with (
            closing(make_locked(ingest, name)) as descriptor,
            _arriving(self._arrivals, None) as arriving,
        ):
            try:
                digest, size = _write_hashing(descriptor, chunks, algorithm, arriving)
                complete(ingest, descriptor, name, name_of(digest))
                arriving.complete(digest)
            except BaseException as error:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=ingest)
                if isinstance(error, KeyboardInterrupt):
                    free_behind(descriptor)
                raise
        return digest, size

    def read(self, digest: Digest, at_most: int) -> bytes | None:
        """Read a staged blob, at most `at_most` + 1 bytes; None if it is not complete."""
        try:
            with closing(open_file(self._directory, name_of(digest))) as descriptor:
                return read_whole(descriptor, at_most)
        except FileNotFoundError:
            return None

    def publish(self, digests: Iterable[Digest]) -> None:
        """Move complete blobs into the store, in the order given, and make the moves durable.

        Children come before their parents. A blob that another process has published is skipped.
        The caller holds `gc.lock` shared until index.json references the blobs.

        Raises:
            StorageFailed: A blob is neither staged nor published; no blob after it is published.
        """
        self._put(digests, self._blobs.publish)

    def link(self, digests: Iterable[Digest]) -> None:
        """Publish complete blobs as `publish` does, but keep them staged until `release`.

        The collector of another tool that removes the published blob before index.json references
        it does not remove the staged one.

        Raises:
            StorageFailed: A blob is neither staged nor published; no blob after it is published.
        """
        self._put(digests, self._blobs.link)

    def _put(self, digests: Iterable[Digest], put: Callable[[int, str, Digest], bool]) -> None:
        """Put complete blobs into the store in the order given, and make that durable."""
        ingest = self._directory
        for digest in digests:
            is_put = put(ingest, name_of(digest), digest)
            if not is_put and self._blobs.stat(digest) is None:
                raise StorageFailed(f"{digest} has disappeared from the staging area")
        self._blobs.sync()

    def release(self, digests: Iterable[Digest]) -> None:
        """Remove staged blobs that are published and referenced by index.json.

        Raises:
            StorageFailed: A file cannot be removed.
        """
        ingest = self._directory
        with storing("clear the staging area"):
            for digest in digests:
                with suppress(FileNotFoundError):
                    os.unlink(name_of(digest), dir_fd=ingest)

    def clear(self, kept: Collection[str] = ()) -> int:
        """Remove parts without a writer, and complete blobs; return the bytes freed.

        Blobs in `kept` (digests) stay. Complete blobs stay while a process has the staging area
        open: an operation that found one relies on it before its lease lists the blob.
        """
        try:
            directory = open_directory(self._private, "ingest")
        except FileNotFoundError:
            return 0
        freed = 0
        with (
            closing(directory),
            exclusive_staging(self._private) as is_unused,
            os.scandir(directory) as entries,
        ):
            for entry in list(entries):
                if digest_of(entry.name) in kept or (is_complete(entry.name) and not is_unused):
                    continue
                with suppress(FileNotFoundError):
                    freed += _remove_unlocked(directory, entry.name)
        return freed

    @property
    def _directory(self) -> int:
        with self._turn:
            if self._ingest is None:
                self._ingest = make_directory(self._private, "ingest", mode=0o700)
            return self._ingest

    def _lock_part(self, ingest: int, digest: Digest, size: int) -> int | None:
        name = f"{name_of(digest)}.part"
        while True:
            if self.has(digest, size):
                return None
            descriptor = open_regular(ingest, name, _PART)
            try:
                _wait_for(descriptor, digest)
                # The previous holder of the lock may have completed the blob and renamed the file:
                # then the name is gone or another file's, and this lock is that of the complete
                # blob.
                if is_named(ingest, name, descriptor):
                    # Or it did so before the opening above, which then created a part.
                    if not self.has(digest, size):
                        return descriptor
                    os.unlink(name, dir_fd=ingest)
                # Or it has published the blob, and released the staged one.
                elif self._blobs.is_open_file(digest, descriptor):
                    os.close(descriptor)
                    return None
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)


@contextmanager
def _arriving(arrivals: Arrivals, expected: Digest | None) -> Iterator[ArrivingBlob]:
    """Yield the observer of one blob, which is abandoned if the block fails."""
    arriving = arrivals.open(expected)
    try:
        yield arriving
    except BaseException:
        arriving.abandon()
        raise


def _write_hashing(
    descriptor: int, chunks: Iterable[bytes], algorithm: str, arriving: ArrivingBlob
) -> tuple[Digest, int]:
    hasher = Digest.of(b"", algorithm).hasher()
    slices = SlicedSync(descriptor)
    size = 0
    for chunk in chunks:
        with storing("write a blob"):
            write_all(descriptor, chunk)
            slices.wrote(len(chunk))
        hasher.update(chunk)
        arriving.take(chunk)
        size += len(chunk)
    return Digest(f"{algorithm}:{hasher.hexdigest()}"), size


def complete(ingest: int, descriptor: int, part: str, name: str) -> None:
    """Sync a verified part and rename it to the name of a complete blob.

    The blob becomes read-only after the rename, so that an interrupted process can be resumed by
    its own user.

    Raises:
        StorageFailed: The file cannot be synced or renamed.
    """
    with storing("complete a blob"):
        sync(descriptor)
        os.rename(part, name, src_dir_fd=ingest, dst_dir_fd=ingest)
        # Not before: a part that is read-only could not be opened to be resumed.
        os.fchmod(descriptor, 0o444)


def _wait_for(descriptor: int, digest: Digest) -> None:
    """Hold the lock of a part; wait as long as another process writes the blob."""

    def held() -> tuple[str, str] | None:
        holder = holder_of(os.fstat(descriptor))
        return None if holder is None else (str(digest), holder)

    wait: Wait | None = None
    while not try_flock(descriptor):
        wait = wait or Wait(held, None)
        wait.goes_on()


def _remove_unlocked(directory: int, name: str) -> int:
    descriptor = open_file(directory, name)
    with closing(descriptor):
        if not try_flock(descriptor):
            return 0
        size = os.fstat(descriptor).st_size
        os.unlink(name, dir_fd=directory)
        return size


def name_of(digest: Digest) -> str:
    """Return the file name of a complete staged blob."""
    return digest.replace(":", "-", 1)


def is_complete(name: str) -> bool:
    """Return whether a file name is that of a complete staged blob."""
    return _COMPLETE.fullmatch(name) is not None


def digest_of(name: str) -> str | None:
    """Return the digest in the file name of a staged blob or part; None if it holds none."""
    matched = _COMPLETE.fullmatch(name.removesuffix(".part"))
    return f"{matched[1]}:{matched[2]}" if matched else None
