"""Blob store: ``blobs/<algorithm>/<encoded>`` (image-spec, image-layout.md §Blobs).

A blob that cachedb publishes hashes to its name. A file that another tool wrote may not, so every
reader hashes the bytes it reads.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

from cachedb.errors import (
    BlobNotFound,
    CorruptBlob,
    InvalidDigest,
    NotALayout,
)
from cachedb.layout.directories import (
    are_blobs_unchanged,
    closing,
    intact_blobs,
    is_named,
    link_over,
    make_directory,
    move_blobs_out,
    open_directory,
    open_file,
    read_whole,
    storing,
)
from cachedb.oci.digest import Digest
from cachedb.records import NamedTuple
from cachedb.system_calls import sync

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from contextlib import AbstractContextManager

    from cachedb.limits import Limit

_HEX_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
_ALGORITHMS = tuple(_HEX_DIGITS)
_CHUNK = 1 << 20
_HEX = "0123456789abcdef"
_NO_SECOND_NAME = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV})


class BlobFile(NamedTuple):
    """A regular file in the blob store; times are in nanoseconds since 1970."""

    digest: Digest
    size: int
    """Bytes."""
    touched_ns: int
    """The newer of mtime and ctime, which every change of the bytes moves."""


def path_of(digest: Digest) -> str:
    """Return the path of a blob relative to its layout, for messages."""
    return f"blobs/{digest.algorithm}/{digest.encoded}"


class BlobStore:
    """Read, publish and remove blobs; `root` is the descriptor of the layout's directory."""

    def __init__(self, root: int) -> None:
        self._root = root

    def stat(self, digest: Digest) -> BlobFile | None:
        """Return size and time of a blob, or None unless a regular file is there."""
        try:
            with self._directory(digest.algorithm) as directory:
                found = os.stat(digest.encoded, dir_fd=directory, follow_symlinks=False)
        except (FileNotFoundError, NotALayout):
            return None
        return _blob_file(digest, found)

    def has(self, digest: Digest, size: int) -> bool:
        """Return whether the blob is a regular file of `size` bytes, without reading them."""
        found = self.stat(digest)
        return found is not None and found.size == size

    def is_open_file(self, digest: Digest, descriptor: int) -> bool:
        """Return whether the file of a blob is the one that is open as `descriptor`."""
        try:
            with self._directory(digest.algorithm) as directory:
                return is_named(directory, digest.encoded, descriptor)
        except (FileNotFoundError, NotALayout):
            return False

    def open(self, digest: Digest) -> io.BufferedReader:
        """Open a blob for reading; the caller closes it.

        The bytes are hashed as they are read in order, and the read that reaches the end of the
        file fails if the hash differs. Seeking back to the start restarts the hash; any other
        seek ends the verification.

        Raises:
            BlobNotFound: The blob is not in the layout.
            CorruptBlob: The file is no regular file, or at its end the hash differs.
        """
        return io.BufferedReader(_CheckedFile(self._open(digest), digest), _CHUNK)

    def read(self, digest: Digest, limit: Limit) -> bytes:
        """Read a small blob whole and verify its hash.

        Raises:
            BlobNotFound: The blob is not in the layout.
            CorruptBlob: The hash differs, or the file is no regular file.
            LimitExceeded: The file is larger than `limit` bytes.
        """
        with closing(self._open(digest)) as descriptor, _reading(digest):
            limit.check(os.fstat(descriptor).st_size, path_of(digest))
            content = read_whole(descriptor, limit.value)
        limit.check(len(content), path_of(digest))
        if digest.is_verifiable:
            hasher = digest.hasher()
            hasher.update(content)
            _check(digest, hasher.hexdigest())
        return content

    def starts_with(self, digest: Digest, prefix: bytes) -> bool:
        """Return whether a blob is present and begins with `prefix`; costs one short read."""
        try:
            with closing(self._open(digest)) as descriptor, _reading(digest):
                return os.read(descriptor, len(prefix)) == prefix
        except BlobNotFound:
            return False

    @contextmanager
    def kept_open(self) -> Iterator[BlobStore]:
        """Yield a store that opens its directories once, for work on many blobs."""
        with self.in_bulk() as store:
            yield store

    @contextmanager
    def in_bulk(self) -> Iterator[OpenStore]:
        """Yield a store as `kept_open` does, that also reads, hashes and moves many at once."""
        with ExitStack() as opened:
            yield OpenStore(self._root, opened)

    def verify(self, digest: Digest, count: Callable[[int], object] = int) -> BlobFile:
        """Hash a blob whole; return its size and time from before the reading.

        `count` is called with the number of bytes of each piece that was read.

        Raises:
            BlobNotFound: The blob is not in the layout.
            CorruptBlob: The hash differs, or the file is no regular file.
        """
        with closing(self._open(digest)) as descriptor, _reading(digest):
            found = _blob_file(digest, os.fstat(descriptor))
            assert found is not None  # _open accepts regular files only
            hasher = digest.hasher()
            while chunk := os.read(descriptor, _CHUNK):
                hasher.update(chunk)
                count(len(chunk))
        _check(digest, hasher.hexdigest())
        return found

    def obstacle(self, digest: Digest) -> str | None:
        """Describe the file at the path of a blob if it is not a regular one; None otherwise.

        Symbolic links are not followed: they could lead outside of the layout. The answer is a
        predicate, such as "is a symbolic link, which is not followed".
        """
        try:
            with self._directory(digest.algorithm) as directory:
                found = os.stat(digest.encoded, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except NotALayout as error:
            return f"is unreachable: {error.path} {error.why.removeprefix('it ')}"
        return None if stat.S_ISREG(found.st_mode) else _describe(found)

    def unreachable_directories(self) -> Iterator[tuple[str, str]]:
        """Yield path and reason of directories of blobs that are links or no directories."""
        for algorithm in _ALGORITHMS:
            try:
                with suppress(FileNotFoundError), self._directory(algorithm):
                    continue
            except NotALayout as error:
                yield error.path, error.why
                if error.path == "blobs":
                    return

    def files(self) -> Iterator[BlobFile]:
        """Yield every blob, in directory order; costs one `stat` call a file."""
        for algorithm in _ALGORITHMS:
            for name, found in self._entries(algorithm):
                try:
                    digest = Digest(f"{algorithm}:{name}")
                except InvalidDigest:
                    continue
                blob = _blob_file(digest, found)
                if blob is not None:
                    yield blob

    def stamps(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Yield digest, and size in bytes and time in nanoseconds, of every blob.

        Costs one `stat` call a file.
        """
        is_regular = stat.S_ISREG
        for algorithm in _ALGORITHMS:
            for name, file in self._entries(algorithm):
                if is_regular(file.st_mode) and _is_encoded(algorithm, name):
                    touched = max(file.st_mtime_ns, file.st_ctime_ns)
                    yield f"{algorithm}:{name}", (file.st_size, touched)

    def listed(self, digests: Collection[str]) -> set[str]:
        """Return those of some digests that are names in the store, of a file of any kind.

        Costs one listing and no `stat`.
        """
        found: set[str] = set()
        for algorithm in _ALGORITHMS:
            with suppress(FileNotFoundError), self._directory(algorithm) as directory:
                names = {f"{algorithm}:{name}" for name in os.listdir(directory)}
                found |= names.intersection(digests)
        return found

    def foreign_files(self) -> Iterator[str]:
        """Yield the paths of files that are no blobs: other names, links, devices, directories."""
        for algorithm in _ALGORITHMS:
            for name, found in self._entries(algorithm):
                try:
                    digest = Digest(f"{algorithm}:{name}")
                except InvalidDigest:
                    yield f"blobs/{algorithm}/{name}"
                else:
                    if not stat.S_ISREG(found.st_mode):
                        yield path_of(digest)

    def publish(self, source: int, name: str, digest: Digest) -> bool:
        """Move a verified, synced file from the directory `source` to its place.

        Replaces an existing file atomically; returns False if `source` has no file `name`. `sync`
        makes the rename durable. Fails with StorageFailed if it cannot be moved.
        """
        with storing(f"publish {path_of(digest)}"), self._made_directory(digest.algorithm) as at:
            try:
                os.rename(name, digest.encoded, src_dir_fd=source, dst_dir_fd=at)
            except FileNotFoundError:  # another process was faster
                return False
        return True

    def link(self, source: int, name: str, digest: Digest) -> bool:
        """Hard-link a verified, synced file of the directory `source` to its place.

        Moves the file as `publish` does on a file system without hard links. Fails as it does,
        with StorageFailed.
        """
        with storing(f"publish {path_of(digest)}"), self._made_directory(digest.algorithm) as at:
            try:
                link_over(source, name, at, digest.encoded)
            except FileNotFoundError:  # another process was faster
                return False
            except OSError as error:
                if error.errno not in _NO_SECOND_NAME:
                    raise
                return self.publish(source, name, digest)
        return True

    def sync(self) -> None:
        """Make every rename in the store so far durable: one fsync per algorithm.

        Raises:
            StorageFailed: A directory cannot be synced.
        """
        for algorithm in _ALGORITHMS:
            try:
                with self._directory(algorithm) as directory, storing("sync the blob store"):
                    sync(directory)
            except FileNotFoundError:
                continue

    def _open(self, digest: Digest) -> int:
        try:
            with self._directory(digest.algorithm) as directory:
                return open_file(directory, digest.encoded)
        except FileNotFoundError:
            raise BlobNotFound(digest) from None
        except NotALayout as error:
            why = self.obstacle(digest) or "is not a regular file"
            raise CorruptBlob(digest, why, path=path_of(digest)) from error

    def _directory(self, algorithm: str) -> AbstractContextManager[int]:
        return self._opened_directory(algorithm)

    @contextmanager
    def _made_directory(self, algorithm: str) -> Iterator[int]:
        with (
            closing(make_directory(self._root, "blobs")) as blobs,
            closing(make_directory(blobs, algorithm)) as directory,
        ):
            yield directory

    @contextmanager
    def _opened_directory(self, algorithm: str) -> Iterator[int]:
        with closing(open_directory(self._root, "blobs")) as blobs:
            try:
                directory = open_directory(blobs, algorithm)
            except NotALayout as error:
                raise NotALayout(f"blobs/{algorithm}", error.why) from error
            with closing(directory):
                yield directory

    def _entries(self, algorithm: str) -> Iterator[tuple[str, os.stat_result]]:
        try:
            with self._directory(algorithm) as directory, os.scandir(directory) as entries:
                for entry in entries:
                    try:
                        found = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:  # removed since the directory was listed
                        continue
                    yield entry.name, found
        except FileNotFoundError:
            return


class OpenStore(BlobStore):
    """Blob store whose directories are opened once, for blobs that have been listed before."""

    def __init__(self, root: int, opened: ExitStack) -> None:
        super().__init__(root)
        self._opened = opened
        self._directories: dict[str, AbstractContextManager[int]] = {}

    def read(self, digest: Digest, limit: Limit) -> bytes:
        """Read as `BlobStore.read` does, with four system calls for an intact file.

        Any other file is read again by `BlobStore`, which raises the error.
        """
        (content,) = self.contents((digest,), limit)
        return super().read(digest, limit) if content is None else content

    def contents(self, digests: Iterable[str], limit: Limit) -> Iterator[bytes | None]:
        """Yield what `read` returns for each blob, None where it fails."""
        for found in intact_blobs(self._descriptor, digests, limit.value):
            yield None if found is None else found[0]

    def verify(self, digest: Digest, count: Callable[[int], object] = int) -> BlobFile:
        """Verify as `BlobStore.verify` does; a file of at most 1 MiB is read at once."""
        (found,) = self.verify_small((digest,))
        if found is None:
            return super().verify(digest, count)
        count(found[0])
        return BlobFile(digest, *found)

    def verify_small(self, digests: Iterable[str]) -> Iterator[tuple[int, int] | None]:
        """Yield size and time of each intact blob of at most 1 MiB, None for any other.

        Costs four system calls a blob. `verify` tells what the fault of another is.
        """
        for found in intact_blobs(self._descriptor, digests, _CHUNK):
            if found is None:
                yield None
            else:
                yield found[1].st_size, max(found[1].st_mtime_ns, found[1].st_ctime_ns)

    def are_unchanged(self, stamps: Iterable[tuple[str, int, int | None]]) -> bool:
        """Return whether blobs have size and time of each of `stamps`; costs one `stat` a blob."""
        return are_blobs_unchanged(self._descriptor, stamps)

    def move_out(
        self, digests: Iterable[Digest], target: int, name_of: Callable[[Digest], str]
    ) -> int:
        """Move blobs into the directory `target`, in their order; return how many were there.

        `name_of` gives the name of each in the directory. Costs a listing of the store, and one
        system call a blob. What is no regular file stays. Fails with StorageFailed if a blob
        cannot be moved; those before it are.
        """
        return move_blobs_out(self._descriptor, digests, target, name_of)

    def _descriptor(self, algorithm: str) -> int:
        with self._directory(algorithm) as directory:
            return directory

    def _directory(self, algorithm: str) -> AbstractContextManager[int]:
        if algorithm not in self._directories:
            directory = self._opened.enter_context(super()._directory(algorithm))
            # A generator would take a microsecond for each blob.
            self._directories[algorithm] = nullcontext(directory)
        return self._directories[algorithm]

    @contextmanager
    def _made_directory(self, algorithm: str) -> Iterator[int]:
        if algorithm not in self._directories:
            with super()._made_directory(algorithm):
                self._directory(algorithm)
        with self._directory(algorithm) as directory:
            yield directory


class _CheckedFile(io.RawIOBase):
    """Raw file that hashes the bytes read from it and fails at its end if the hash differs."""

    def __init__(self, descriptor: int, digest: Digest) -> None:
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        self._digest = digest
        # A reader that knows the size stops there, so the hash is compared at the size.
        self._size = os.fstat(descriptor).st_size
        self._offset = 0
        self._hasher = digest.hasher() if digest.is_verifiable else None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if (offset, whence) == (0, os.SEEK_SET):
            self._start()
        elif (offset, whence) != (0, os.SEEK_CUR):
            self._hasher = None
        return self._file.seek(offset, whence)

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read and hash; at the end of the file, compare the hash with the digest."""
        with _reading(self._digest):
            count = self._file.readinto(buffer) or 0
        if self._hasher is not None:
            self._hasher.update(memoryview(buffer)[:count])
            self._offset += count
            if self._offset >= self._size or (count == 0 and len(buffer)):
                _check(self._digest, self._hasher.hexdigest())
        return count

    def close(self) -> None:
        self._file.close()
        super().close()

    def _start(self) -> None:
        self._offset = 0
        self._hasher = self._digest.hasher() if self._digest.is_verifiable else None


def _check(digest: Digest, encoded: str) -> None:
    if encoded != digest.encoded:
        actual = f"{digest.algorithm}:{encoded}"
        raise CorruptBlob(digest, f"holds {actual}", path=path_of(digest))


def _reading(digest: Digest) -> AbstractContextManager[None]:
    return storing(f"read {path_of(digest)}")


def _describe(found: os.stat_result) -> str:
    if stat.S_ISLNK(found.st_mode):
        return "is a symbolic link, which is not followed"
    if stat.S_ISDIR(found.st_mode):
        return "is a directory"
    return "is not a regular file"


def _is_encoded(algorithm: str, name: str) -> bool:
    """Return whether a file name is a digest of the algorithm, without making a `Digest`."""
    return len(name) == _HEX_DIGITS[algorithm] and not name.strip(_HEX)


def _blob_file(digest: Digest, found: os.stat_result) -> BlobFile | None:
    if not stat.S_ISREG(found.st_mode):
        return None
    return BlobFile(digest, found.st_size, max(found.st_mtime_ns, found.st_ctime_ns))
