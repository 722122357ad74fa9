"""Verify: hash the files of blobs, and record which of them are intact.

The catalog counts a file of the declared size as intact until verification has read it.
"""

from __future__ import annotations

import os
import time
from array import array
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from cachedb import limits
from cachedb.catalog import codecs
from cachedb.catalog.statement import many
from cachedb.catalog.statements import refs, verification
from cachedb.errors import BlobNotFound, CorruptBlob, StorageFailed
from cachedb.oci.digest import Digest
from cachedb.operations.transfer.workers import workers
from cachedb.records import Record, brief_repr

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from concurrent.futures import Executor

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statements.verification import StoredFileRow
    from cachedb.feedback.progress import Task
    from cachedb.layout import Layout
    from cachedb.layout.blobs import BlobFile, BlobStore

    # The id of a row, and the digest of its blob.
    _File: TypeAlias = tuple[int, Digest]

# Blobs recorded in one transaction.
_PORTION = 10_000
# The largest blobs, which come first, keep all cores busy one by one; small ones wait for a thread
# in batches, since a task costs more than hashing a kilobyte.
_ALONE = 64
_TOGETHER = 500


class BlobFault(Record):
    """A corrupt or missing blob, and the names of the refs that contain it."""

    digest: Digest
    why: str
    """Fault, as text for users."""
    names: tuple[str | None, ...]


class Verification(Record):
    """Result of a verification: blobs hashed, bytes of the intact ones, and findings.

    `findings` has at most `limits.VERIFY_FINDINGS` missing blobs; `unlisted` counts the rest.
    """

    blobs: int
    bytes: int
    findings: tuple[BlobFault, ...]
    unlisted: int = 0

    __repr__ = brief_repr

    @property
    def is_clean(self) -> bool:
        """Whether there are no findings."""
        return not self.findings


def verify(
    layout: Layout,
    catalog: Catalog,
    targets: Collection[int] | None = None,
) -> Verification:
    """Hash every blob, or those that some targets contain, in parallel.

    A missing blob is a finding as well; a blob removed meanwhile is not. Of more than
    `limits.VERIFY_FINDINGS` missing blobs, the rest is counted. No transaction is open while files
    are read; one for every 10 000 blobs records the results.

    Raises:
        CatalogMismatch: The catalog holds a text that is not a digest.
    """
    with catalog.reading() as connection:
        wanted = _files(connection, targets)
        missing, unlisted = _missing(connection, targets)
    faults = {digest: layout.blobs.obstacle(digest) or "is missing" for digest in missing}
    blobs = size = 0
    with (
        layout.progress.task("verify", wanted.size) as task,
        layout.blobs.kept_open() as store,
        workers(os.cpu_count() or 1) as pool,
    ):
        for portion in _batches(wanted, _PORTION):
            hashed = _hash(store, pool, portion, task)
            with catalog.writing() as connection:
                _record(connection, hashed)
            faults |= hashed.corrupt
            blobs += len(hashed.intact) + len(hashed.corrupt)
            size += hashed.size
    with catalog.reading() as connection:
        findings = tuple(
            BlobFault(digest=digest, why=why, names=_names(connection, digest))
            for digest, why in sorted(faults.items())
        )
    return Verification(blobs=blobs, bytes=size, findings=findings, unlisted=unlisted)


class _Files:
    """Many digests and ids in few bytes: 80 each, where a `Digest` in a list takes 200 and more.

    `size` is that of all of their files, in bytes.

    They are read in one transaction and used without one, so that memory stays bounded for any
    number of digests in a catalog.
    """

    def __init__(self, files: Iterable[StoredFileRow]) -> None:
        self._ids = array("q")
        self._lines = bytearray()
        self.size = 0
        for key, digest, size in files:
            if codecs.digest(digest).is_verifiable:
                self._ids.append(key)
                self._lines += digest.encode() + b"\n"
                self.size += size

    def __iter__(self) -> Iterator[_File]:
        start = 0
        for key in self._ids:
            end = self._lines.index(b"\n", start)
            # Checked when it was taken.
            yield key, str.__new__(Digest, self._lines[start:end], "ascii")
            start = end + 1


def _files(connection: Connection, targets: Collection[int] | None) -> _Files:
    if targets is None:
        return _Files(connection.each(verification.FILES))
    return _Files(connection.each(verification.FILES_OF, targets=many(targets)))


def _missing(connection: Connection, targets: Collection[int] | None) -> tuple[list[Digest], int]:
    """Return the missing blobs that are listed, and how many more there are."""
    if targets is None:
        found = connection.each_value(verification.MISSING)
    else:
        found = connection.each_value(verification.MISSING_OF, targets=many(targets))
    rows = iter(found)
    listed = [codecs.digest(text) for text in islice(rows, limits.VERIFY_FINDINGS.value)]
    return listed, sum(1 for _ in rows)


class _Hashed:
    """The outcome of hashing: when each intact file was changed, and why others are corrupt.

    `intact` has the times by the id of the row.
    """

    def __init__(self) -> None:
        self.intact: dict[int, int] = {}
        self.corrupt: dict[Digest, str] = {}
        self.size = 0


def _hash(
    store: BlobStore,
    pool: Executor,
    files: Sequence[_File],
    task: Task,
) -> _Hashed:
    def check(batch: Sequence[_File]) -> list[BlobFile | str | None]:
        return [_check(store, digest, task) for _, digest in batch]

    found = _Hashed()
    batches = [*([one] for one in files[:_ALONE]), *_batches(files[_ALONE:], _TOGETHER)]
    for batch, outcomes in zip(batches, pool.map(check, batches), strict=True):
        for (key, digest), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, str):
                found.corrupt[digest] = outcome
            elif outcome is not None:
                found.intact[key] = outcome.touched_ns
                found.size += outcome.size
    return found


def _check(store: BlobStore, digest: Digest, task: Task) -> BlobFile | str | None:
    """Hash a blob; return its file, the reason why it is corrupt, or None if it was removed."""
    try:
        return store.verify(digest, task.advance)
    except CorruptBlob as error:
        return error.why
    except BlobNotFound:
        return None
    except StorageFailed as error:
        return str(error)


def _record(connection: Connection, hashed: _Hashed) -> None:
    now = time.time_ns() // 1000
    intact = sorted(hashed.intact)
    stored = connection.mapping(verification.STORED, ids=many(intact))
    # A row that is about another file than the one that was hashed is left alone.
    same = [key for key in intact if stored.get(key) == hashed.intact[key]]
    connection.write(verification.VERIFIED, ids=many(same), moment=now)
    healed = [
        row.digest for row in connection.each(verification.CORRUPT) if row.id in hashed.intact
    ]
    connection.write_each(verification.HEALED, ({"digest": digest} for digest in healed))
    connection.write_each(
        verification.CORRUPTED,
        ({"digest": digest, "problem": why} for digest, why in hashed.corrupt.items()),
    )


def _names(connection: Connection, digest: Digest) -> tuple[str | None, ...]:
    return tuple(row.name for row in connection.each(refs.CONTAINING_DIGEST, digest=digest))


def _batches(files: Iterable[_File], length: int) -> Iterator[list[_File]]:
    waiting = iter(files)
    while batch := list(islice(waiting, length)):
        yield batch
