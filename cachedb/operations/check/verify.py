"""Verify: hash what is on disk, and remember what was found.

The catalog believes a file of the right size until somebody has read it; this reads it.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, update

from cachedb.catalog.enums import State
from cachedb.catalog.queries import graph
from cachedb.catalog.schema import blob, ref
from cachedb.errors import BlobNotFound, CorruptBlob, StorageFailed
from cachedb.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from sqlalchemy import Select

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.layout import Layout
    from cachedb.layout.blobs import BlobFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A blob that is not what it has to be, and the refs that it takes with it."""

    digest: Digest
    why: str
    names: tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a verification has read and found."""

    blobs: int
    bytes: int
    findings: tuple[Finding, ...]

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

    `progress` is told the bytes of each blob that has been read. What is missing is a finding as
    well. The rows are brought up to date in one transaction at the end.
    """
    with catalog.reading() as connection:
        wanted = _digests(connection, targets)
        missing = _missing(connection, targets)
    hashed = _hash(layout, wanted, progress)
    corrupt = {d: why for d, why in hashed.items() if isinstance(why, str)}
    whole = {d: file for d, file in hashed.items() if not isinstance(file, str)}
    with catalog.writing() as connection:
        _record(connection, whole, corrupt)
    with catalog.reading() as connection:
        faults = {**dict.fromkeys(missing, "is missing"), **corrupt}
        findings = tuple(
            Finding(digest=digest, why=why, names=_names(connection, digest))
            for digest, why in sorted(faults.items())
        )
    return Verification(
        blobs=len(hashed),
        bytes=sum(file.size for file in whole.values() if file is not None),
        findings=findings,
    )


def _digests(connection: Connection, targets: Collection[int] | None) -> list[Digest]:
    present = select(blob.c.digest).where(blob.c.state.in_(list(map(int, graph.ON_DISK))))
    if targets is not None:
        present = present.where(blob.c.id.in_(_content(targets)))
    digests = map(Digest.declared, connection.scalars(present.order_by(blob.c.size.desc())))
    return [digest for digest in digests if digest.is_verifiable]


def _missing(connection: Connection, targets: Collection[int] | None) -> list[Digest]:
    missing = select(blob.c.digest).where(blob.c.state == int(State.MISSING))
    if targets is not None:
        missing = missing.where(blob.c.id.in_(_content(targets)))
    return [Digest.declared(digest) for digest in connection.scalars(missing)]


def _content(targets: Collection[int]) -> Select[int]:
    seed = select(blob.c.id).where(blob.c.id.in_(targets))
    return select(graph.descendants(seed, "content").c.id)


def _hash(
    layout: Layout, digests: Iterable[Digest], progress: Callable[[int], None]
) -> dict[Digest, BlobFile | str | None]:
    """Return for each digest its file if it is whole, None if it is gone, or what is wrong."""

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

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(pool.map(check, digests))


def _record(
    connection: Connection, whole: dict[Digest, BlobFile | None], corrupt: dict[Digest, str]
) -> None:
    now = time.time_ns() // 1000
    healed = [
        {"key": digest, "moment": now, "file": file.touched_ns}
        for digest, file in whole.items()
        if file is not None
    ]
    if healed:
        # Only a row that stands for the very file that was read. A document that hashes right
        # and cannot be read stays corrupt: `problem` says so, and `parsed` that it was read.
        connection.execute(
            update(blob)
            .where(blob.c.digest == bindparam("key"), blob.c.touched == bindparam("file"))
            .values(verified=bindparam("moment")),
            healed,
        )
        connection.execute(
            update(blob)
            .where(
                blob.c.digest == bindparam("key"),
                blob.c.state == int(State.CORRUPT),
                blob.c.parsed == 0,
            )
            .values(state=int(State.PRESENT), problem=None),
            [{"key": row["key"]} for row in healed],
        )
    if corrupt:
        connection.execute(
            update(blob)
            .where(blob.c.digest == bindparam("key"))
            .values(state=int(State.CORRUPT), problem=bindparam("why"), verified=None),
            [{"key": digest, "why": why} for digest, why in corrupt.items()],
        )


def _names(connection: Connection, digest: Digest) -> tuple[str | None, ...]:
    above = graph.ancestors(select(blob.c.id).where(blob.c.digest == digest), "above")
    rows = select(ref.c.name).where(ref.c.target_id.in_(select(above.c.id)))
    return tuple(connection.scalars(rows.order_by(ref.c.position)))
