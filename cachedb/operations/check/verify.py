"""Verify: hash the files of blobs, and record which of them are intact.

The catalog counts a file of the declared size as intact until verification has read it.
"""

from __future__ import annotations

import os
import time
from itertools import islice
from typing import TYPE_CHECKING

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

# Blobs recorded in one transaction.
_PORTION = 20_000
# The largest blobs, which come first, keep all cores busy one by one; small ones wait for a thread
# in batches, since a task costs more than hashing a kilobyte.
_ALONE = 64
_TOGETHER = 500


class BlobFault(Record):
    """A corrupt or missing blob, and the names of the refs that contain it."""

    digest: Digest
    why: str
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
    are read; one for every 20 000 blobs records the results.

    Raises:
        CatalogMismatch: The catalog holds a text that is not a digest.
    """
    with catalog.reading() as connection:
        wanted = _digests(connection, targets)
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


class _Digests:
    """Many digests in few bytes: 72 each, where a `Digest` in a list takes 200 and more.

    `size` is that of all of their files, in bytes.

    They are read in one transaction and used without one, so that memory stays bounded for any
    number of digests in a catalog.
    """

    def __init__(self, files: Iterable[StoredFileRow]) -> None:
        self._lines = bytearray()
        self.size = 0
        for digest, size in files:
            if codecs.digest(digest).is_verifiable:
                self._lines += digest.encode() + b"\n"
                self.size += size

    def __iter__(self) -> Iterator[Digest]:
        start = 0
        while (end := self._lines.find(b"\n", start)) >= 0:
            yield Digest.declared(self._lines[start:end].decode())
            start = end + 1


def _digests(connection: Connection, targets: Collection[int] | None) -> _Digests:
    if targets is None:
        return _Digests(connection.each(verification.FILES))
    return _Digests(connection.each(verification.FILES_OF, targets=many(targets)))


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
    """The outcome of hashing: when each intact file was changed, and why others are corrupt."""

    def __init__(self) -> None:
        self.intact: dict[str, int] = {}
        self.corrupt: dict[Digest, str] = {}
        self.size = 0


def _hash(
    store: BlobStore,
    pool: Executor,
    digests: Sequence[Digest],
    task: Task,
) -> _Hashed:
    def check(batch: Iterable[Digest]) -> list[tuple[Digest, BlobFile | str | None]]:
        return [(digest, _check(store, digest, task)) for digest in batch]

    found = _Hashed()
    alone, rest = digests[:_ALONE], digests[_ALONE:]
    for outcomes in pool.map(check, [*([one] for one in alone), *_batches(rest, _TOGETHER)]):
        for digest, outcome in outcomes:
            if isinstance(outcome, str):
                found.corrupt[digest] = outcome
            elif outcome is not None:
                found.intact[digest] = outcome.touched_ns
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
    # A row that is about another file than the one that was hashed is left alone.
    same = sorted(
        row.id
        for row in connection.each(verification.STORED, digests=many(hashed.intact))
        if hashed.intact[row.digest] == row.touched
    )
    connection.write(verification.VERIFIED, ids=many(same), moment=now)
    healed = [text for text in connection.values(verification.CORRUPT) if text in hashed.intact]
    connection.write_each(verification.HEALED, ({"digest": digest} for digest in healed))
    connection.write_each(
        verification.CORRUPTED,
        ({"digest": digest, "problem": why} for digest, why in hashed.corrupt.items()),
    )


def _names(connection: Connection, digest: Digest) -> tuple[str | None, ...]:
    return tuple(row.name for row in connection.each(refs.CONTAINING_DIGEST, digest=digest))


def _batches(digests: Iterable[Digest], length: int) -> Iterator[list[Digest]]:
    waiting = iter(digests)
    while batch := list(islice(waiting, length)):
        yield batch
