"""Verify: hash the files of blobs, and record which of them are intact.

The catalog takes a file of the declared size for intact until verification has read it.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from cachedb.catalog import codecs
from cachedb.catalog.statement import many
from cachedb.catalog.statements import refs, verification
from cachedb.errors import BlobNotFound, CorruptBlob, StorageFailed
from cachedb.records import Record, brief_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.layout import Layout
    from cachedb.layout.blobs import BlobFile
    from cachedb.oci.digest import Digest

# How many digests wait for a thread: each costs a kilobyte or two meanwhile.
_PORTION = 1_000


class BlobFault(Record):
    """A corrupt or missing blob, and the names of the refs that contain it."""

    digest: Digest
    why: str
    names: tuple[str | None, ...]


class Verification(Record):
    """How many blobs and bytes a verification has hashed, and what it has found."""

    blobs: int
    bytes: int
    findings: tuple[BlobFault, ...]

    __repr__ = brief_repr

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def verify(
    layout: Layout,
    catalog: Catalog,
    targets: Collection[int] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Hash every blob, or those that some targets contain, in parallel.

    `progress` is called with the size in bytes of each blob that was read. A missing blob is a
    finding as well; one that is removed meanwhile is not. No transaction is open while files are
    read; one transaction at the end records what was found.

    Raises:
        CatalogMismatch: The catalog holds something else than a digest.
    """
    with catalog.reading() as connection:
        wanted = _digests(connection, targets)
        missing = _missing(connection, targets)
    hashed = _hash(layout, wanted, progress)
    with catalog.writing() as connection:
        _record(connection, hashed)
    with catalog.reading() as connection:
        absent = {digest: layout.blobs.obstacle(digest) or "is missing" for digest in missing}
        faults = {**absent, **hashed.corrupt}
        findings = tuple(
            BlobFault(digest=digest, why=why, names=_names(connection, digest))
            for digest, why in sorted(faults.items())
        )
    return Verification(
        blobs=len(hashed.intact) + len(hashed.corrupt), bytes=hashed.size, findings=findings
    )


def _digests(connection: Connection, targets: Collection[int] | None) -> list[Digest]:
    if targets is None:
        found = connection.values(verification.FILES)
    else:
        found = connection.values(verification.FILES_OF, targets=many(targets))
    return [digest for text in found if (digest := codecs.digest(text)).is_verifiable]


def _missing(connection: Connection, targets: Collection[int] | None) -> list[Digest]:
    if targets is None:
        found = connection.values(verification.MISSING)
    else:
        found = connection.values(verification.MISSING_OF, targets=many(targets))
    return [codecs.digest(text) for text in found]


class _Hashed:
    """The outcome of hashing: when each intact file was changed, and why others are corrupt."""

    def __init__(self) -> None:
        self.intact: dict[Digest, int] = {}
        self.corrupt: dict[Digest, str] = {}
        self.size = 0


def _hash(layout: Layout, digests: Iterable[Digest], progress: Callable[[int], None]) -> _Hashed:
    def check(digest: Digest) -> tuple[Digest, BlobFile | str | None]:
        try:
            file = layout.blobs.verify(digest)
        except CorruptBlob as error:
            return digest, error.why
        except BlobNotFound:
            return digest, None
        except StorageFailed as error:
            return digest, str(error)
        progress(file.size)
        return digest, file

    found = _Hashed()
    waiting = iter(digests)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while portion := list(islice(waiting, _PORTION)):
            for digest, outcome in pool.map(check, portion):
                if isinstance(outcome, str):
                    found.corrupt[digest] = outcome
                elif outcome is not None:
                    found.intact[digest] = outcome.touched_ns
                    found.size += outcome.size
    return found


def _record(connection: Connection, hashed: _Hashed) -> None:
    now = time.time_ns() // 1000
    connection.write_each(
        verification.VERIFIED,
        (
            {"digest": digest, "touched": touched, "moment": now}
            for digest, touched in hashed.intact.items()
        ),
    )
    connection.write_each(verification.HEALED, ({"digest": digest} for digest in hashed.intact))
    connection.write_each(
        verification.CORRUPTED,
        ({"digest": digest, "problem": why} for digest, why in hashed.corrupt.items()),
    )


def _names(connection: Connection, digest: Digest) -> tuple[str | None, ...]:
    return tuple(row.name for row in connection.each(refs.CONTAINING_DIGEST, digest=digest))
