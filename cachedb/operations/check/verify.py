"""Verify: hash the files of blobs, and record which of them are intact.

The catalog counts a file of the declared size as intact until verification has read it.
"""

from __future__ import annotations

import os
import time
from array import array
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING

from cachedb import limits
from cachedb.catalog import codecs
from cachedb.catalog.statement import many
from cachedb.catalog.statements import refs, verification
from cachedb.errors import BlobNotFound, CorruptBlob, StorageFailed
from cachedb.oci.digest import Digest, are_usual
from cachedb.operations.transfer.workers import workers
from cachedb.records import NamedTuple, Record, brief_repr

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from concurrent.futures import Executor

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statements.verification import StoredFileRow
    from cachedb.feedback.progress import Task
    from cachedb.layout import Layout
    from cachedb.layout.blobs import BlobFile, BlobStore, OpenStore

# Blobs recorded in one transaction.
_PORTION = 10_000
# Blobs hashed in one loop, and the least size in bytes of one that is a task of its own. Hashing a
# larger one takes longer than a thread waits for the interpreter; small ones keep one thread busy.
_TOGETHER = 500
_ALONE = 1 << 18


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

    A missing blob that an image needs is a finding as well; one that only unreferenced blobs need
    is not, and neither is a blob removed meanwhile. Of more than `limits.VERIFY_FINDINGS` missing
    blobs, the rest is counted. No transaction is open while files are read; one for every 10 000
    blobs records the results.

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
        layout.blobs.in_bulk() as store,
        workers(os.cpu_count() or 1) as pool,
    ):
        for hashed in _hash(store, pool, wanted, task):
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


class _Batch(NamedTuple):
    """Blobs that are hashed by one loop: ids of rows, and digests, a line each.

    A large blob is alone in its batch.
    """

    ids: array[int]
    lines: bytes
    is_large: bool = False

    @property
    def digests(self) -> list[str]:
        """The digests in the order of the ids."""
        return self.lines.decode("ascii").split("\n")


class _Files:
    """Many digests and ids in few bytes: 80 each, where a `Digest` in a list takes 200 and more.

    `size` is that of all of their files, in bytes.

    They are read in one transaction and used without one, so that memory stays bounded for any
    number of digests in a catalog.
    """

    def __init__(self, files: Iterable[StoredFileRow]) -> None:
        self.small: list[_Batch] = []
        self.size = 0
        large: list[StoredFileRow] = []
        waiting = iter(files)
        while rows := list(islice(waiting, _TOGETHER)):
            large += self._take_small(rows)
        large.sort(key=lambda row: row.size, reverse=True)
        self.large = [_batch_of([row], is_large=True) for row in large]

    def _take_small(self, rows: list[StoredFileRow]) -> list[StoredFileRow]:
        """Make a batch of the small files among some; return the large ones."""
        if not are_usual([row.digest for row in rows]):
            rows = [row for row in rows if codecs.digest(row.digest).is_verifiable]
        large = [row for row in rows if row.size >= _ALONE]
        small = [row for row in rows if row.size < _ALONE] if large else rows
        self.size += sum(row.size for row in rows)
        if small:
            self.small.append(_batch_of(small))
        return large


def _batch_of(rows: list[StoredFileRow], *, is_large: bool = False) -> _Batch:
    ids, digests, _ = zip(*rows, strict=True)
    return _Batch(array("q", ids), "\n".join(digests).encode(), is_large)


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

    `intact` has the times by the id of the row; `size` is in bytes.
    """

    def __init__(self) -> None:
        self.intact: dict[int, int] = {}
        self.corrupt: dict[Digest, str] = {}
        self.size = 0

    def __len__(self) -> int:
        """Return how many blobs there are."""
        return len(self.intact) + len(self.corrupt)

    def add(self, other: _Hashed) -> None:
        """Add the outcome for other blobs."""
        self.intact |= other.intact
        self.corrupt |= other.corrupt
        self.size += other.size


def _hash(store: OpenStore, pool: Executor, files: _Files, task: Task) -> Iterator[_Hashed]:
    """Hash all files, the large ones in threads and the others meanwhile; yield portions."""

    def check(batch: _Batch) -> _Hashed:
        return _hash_batch(store, batch, task)

    large = pool.map(check, files.large)
    found = _Hashed()
    for outcome in chain(map(check, files.small), large):
        found.add(outcome)
        if len(found) >= _PORTION:
            yield found
            found = _Hashed()
    yield found


def _hash_batch(store: OpenStore, batch: _Batch, task: Task) -> _Hashed:
    found, digests, read = _Hashed(), batch.digests, 0
    files = repeat(None, 1) if batch.is_large else store.verify_small(digests)
    for key, digest, file in zip(batch.ids, digests, files, strict=True):
        if file is not None:
            read += file[0]
            found.intact[key] = file[1]
            continue
        # Checked when it was taken.
        checked = str.__new__(Digest, digest)
        outcome = _check(store, checked, task)
        if isinstance(outcome, str):
            found.corrupt[checked] = outcome
        elif outcome is not None:
            found.intact[key] = outcome.touched_ns
            found.size += outcome.size
    task.advance(read)
    found.size += read
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
