"""Ingests: blobs written under a name that the writer chooses, as in containerd's content store.

The digest need not be known before the end, and a writer that opens the same name again continues
where the last one stopped. An ingest is ``ref-<hash>.part`` in the staging area, with ``.json``
beside it that holds its name; both are locked while it is open, so a collection leaves them.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cachedb.errors import CacheBusy, InvalidManifest, StorageFailed
from cachedb.layout.directories import (
    closing,
    is_named,
    make_directory,
    open_file,
    open_regular,
    read_whole,
    storing,
    write_all,
)
from cachedb.layout.locks import try_flock
from cachedb.layout.staging.area import complete, name_of
from cachedb.limits import MARKER_BYTES
from cachedb.oci.digest import Digest
from cachedb.oci.json_fields import Fields
from cachedb.oci.strict_json import decode_object, encode
from cachedb.records import Record
from cachedb.system_calls import SlicedSync

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPEN = os.O_RDWR | os.O_CREAT
_CHUNK = 1 << 20
_ALGORITHM = "sha256"


class IngestStatus(Record):
    """Progress of an ingest; times are in nanoseconds since 1970, sizes in bytes.

    `total` is 0 and `expected` None where the writer did not declare them.
    """

    ref: str
    """Name that the writer chose."""
    offset: int
    """Bytes written so far."""
    total: int
    expected: Digest | None
    started_ns: int
    """Time at which the ingest began."""
    updated_ns: int
    """Time of the last write."""


class IngestWriter:
    """Append bytes to an open ingest, of which `offset` bytes are written and hashed.

    Raises:
        StorageFailed: The bytes written so far cannot be read.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._hasher = hashlib.new(_ALGORITHM)
        self._slices = SlicedSync(descriptor)
        self.offset: int = 0
        with storing("read the part of an ingest"):
            while chunk := os.read(descriptor, _CHUNK):
                self._take(chunk)

    def write(self, chunk: bytes | memoryview) -> int:
        """Append bytes; return how many: all.

        Raises:
            StorageFailed: They cannot be written.
        """
        with storing("write an ingest"):
            write_all(self._descriptor, chunk)
            self._slices.wrote(len(chunk))
        self._take(chunk)
        return len(chunk)

    def restart(self) -> None:
        """Discard the bytes written so far.

        Raises:
            StorageFailed: The file cannot be truncated.
        """
        with storing("write an ingest"):
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._hasher = hashlib.new(_ALGORITHM)
        self.offset = 0

    def digest(self, algorithm: str = _ALGORITHM) -> Digest:
        """Return the digest of the bytes so far; reads them again unless it is sha256.

        Raises:
            StorageFailed: They cannot be read again.
        """
        if algorithm == _ALGORITHM:
            return Digest(f"{algorithm}:{self._hasher.hexdigest()}")
        hasher = hashlib.new(algorithm)
        with storing("read an ingest"):
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            while chunk := os.read(self._descriptor, _CHUNK):
                hasher.update(chunk)
        return Digest(f"{algorithm}:{hasher.hexdigest()}")

    def _take(self, chunk: bytes | memoryview) -> None:
        self._hasher.update(chunk)
        self.offset += len(chunk)


class Ingests:
    """Open, list and abort ingests; `private` is the descriptor of ``.cachedb``."""

    def __init__(self, private: int) -> None:
        self._private = private

    @contextmanager
    def opening(self, ref: str, total: int, expected: Digest | None) -> Iterator[IngestWriter]:
        """Open an ingest, or create it; the bytes written stay when the block ends.

        Raises:
            CacheBusy: Another writer has it open.
            StorageFailed: It cannot be created.
        """
        name = _name(ref)
        with self._directory() as directory, _locked(directory, f"{name}.json", ref) as about:
            if os.fstat(about).st_size == 0:
                with storing("write an ingest"):
                    write_all(about, _encode(ref, total, expected))
            with _locked(directory, f"{name}.part", ref) as part:
                yield IngestWriter(part)

    def complete(self, ref: str, digest: Digest) -> None:
        """Turn an ingest that the caller has open, and has verified, into a complete blob.

        Raises:
            StorageFailed: It cannot be synced or renamed.
        """
        name = _name(ref)
        with self._directory() as directory:
            with closing(open_file(directory, f"{name}.part")) as part:
                complete(directory, part, f"{name}.part", name_of(digest))
            os.unlink(f"{name}.json", dir_fd=directory)

    def status(self, ref: str) -> IngestStatus | None:
        """Return the progress of an ingest; None if there is none of that name."""
        with self._directory() as directory:
            return _status(directory, f"{_name(ref)}.json")

    def statuses(self) -> Iterator[IngestStatus]:
        """Yield the progress of every ingest, unsorted."""
        with self._directory() as directory:
            for name in os.listdir(directory):
                if name.startswith("ref-") and name.endswith(".json"):
                    found = _status(directory, name)
                    if found is not None:
                        yield found

    def abort(self, ref: str) -> bool:
        """Remove an ingest; return False if there is none of that name.

        Raises:
            CacheBusy: A writer has it open.
            StorageFailed: It cannot be removed.
        """
        name = _name(ref)
        with self._directory() as directory:
            if _status(directory, f"{name}.json") is None:
                return False
            with (
                _locked(directory, f"{name}.json", ref),
                _locked(directory, f"{name}.part", ref),
                storing("remove an ingest"),
            ):
                os.unlink(f"{name}.part", dir_fd=directory)
                os.unlink(f"{name}.json", dir_fd=directory)
        return True

    @contextmanager
    def _directory(self) -> Iterator[int]:
        with closing(make_directory(self._private, "ingest", mode=0o700)) as directory:
            yield directory


@contextmanager
def _locked(directory: int, name: str, ref: str) -> Iterator[int]:
    """Open or create a file and hold its lock; repeat if the file was removed in between."""
    while True:
        with closing(open_regular(directory, name, _OPEN)) as descriptor:
            if not try_flock(descriptor, fcntl.LOCK_EX):
                raise CacheBusy(f"another process is writing the ingest {ref!r}")
            if is_named(directory, name, descriptor):
                yield descriptor
                return


def _status(directory: int, name: str) -> IngestStatus | None:
    try:
        with closing(open_file(directory, name)) as about:
            started = os.fstat(about).st_mtime_ns
            value = Fields(decode_object(read_whole(about, MARKER_BYTES.value)))
        part = os.stat(name.replace(".json", ".part"), dir_fd=directory, follow_symlinks=False)
        expected = value.get("expected", str)
        return IngestStatus(
            ref=value.require("ref", str),
            offset=part.st_size,
            total=value.get("total", int) or 0,
            expected=None if expected is None else Digest(expected),
            started_ns=started,
            updated_ns=part.st_mtime_ns,
        )
    except FileNotFoundError:
        return None
    except InvalidManifest as error:
        raise StorageFailed(f".cachedb/ingest/{name}: {error}") from error


def _encode(ref: str, total: int, expected: Digest | None) -> bytes:
    value: dict[str, Any] = {"ref": ref, "total": total, "expected": expected}
    return encode(value)


def _name(ref: str) -> str:
    return f"ref-{hashlib.sha256(ref.encode()).hexdigest()}"
