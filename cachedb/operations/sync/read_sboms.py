"""Reader of new SBOMs, which enters the packages that they name into the catalog.

Documents are read without a lock; the packages of several of them are written in one transaction.
An interruption leaves the documents that were not read to the next reconciliation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog import codecs
from cachedb.catalog.index import sboms
from cachedb.catalog.index.packages import PORTION, PackedPackages
from cachedb.catalog.index.sboms import SbomReading
from cachedb.catalog.statements.index import sbom_rows
from cachedb.errors import (
    BlobNotFound,
    CorruptBlob,
    InvalidManifest,
    LimitExceeded,
    StorageFailed,
)
from cachedb.oci.digest import Digest
from cachedb.packages.package import SkippedElement
from cachedb.packages.sbom_documents import packages_in
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.catalog.index.sboms import Unread
    from cachedb.layout import Layout
    from cachedb.oci.digest import Digest

# The most small documents that share a transaction.
_DOCUMENTS = 500


class UnreadableSbom(Record):
    """An SBOM that cannot be read, or only in part."""

    digest: Digest
    media_type: str
    """Media type by which it was read."""
    why: str
    """Reason, as text for users."""
    packages: int = 0
    """Number of packages that were read."""


def read_new(layout: Layout, catalog: Catalog) -> None:
    """Read the documents that have not been read.

    The catalog records the reason why a document cannot be read; a changed file is read again.
    """
    with catalog.reading() as connection:
        waiting = sboms.unread(connection)
    found: list[SbomReading] = []
    with layout.progress.task("read SBOMs", len(waiting), "documents") as task:
        for document in waiting:
            reading = _read(layout, document)
            task.advance()
            if reading is None:
                continue
            if len(reading.packages) > PORTION:
                _write_in_parts(catalog, reading)
                continue
            found.append(reading)
            if len(found) >= _DOCUMENTS or sum(len(r.packages) for r in found) >= PORTION:
                _write(catalog, found)
                found = []
        _write(catalog, found)


def unreadable_sboms(connection: Connection) -> tuple[UnreadableSbom, ...]:
    """Return the SBOMs that cannot be read, as a whole or in part, or could not be opened yet."""
    return tuple(
        UnreadableSbom(
            digest=codecs.digest(row.digest),
            media_type=row.media_type,
            why=row.problem or "was not read",
            packages=row.packages or 0,
        )
        for row in connection.each(sbom_rows.UNREADABLE)
    )


def _read(layout: Layout, document: Unread) -> SbomReading | None:
    """Read a document; return None if it cannot be opened now, so that the next call reads it."""
    listed = PackedPackages()
    skipped: list[SkippedElement] = []
    count = 0
    try:
        with layout.blobs.open(document.digest) as stream:
            for found in packages_in(stream, document.media_type, document.predicate_type):
                if isinstance(found, SkippedElement):
                    skipped = skipped or [found]
                    count += 1
                else:
                    listed.add(found)
    except CorruptBlob as error:
        return SbomReading(
            document=document, packages=PackedPackages(), problem=error.why, is_corrupt=True
        )
    except (InvalidManifest, LimitExceeded) as error:
        return SbomReading(document=document, packages=PackedPackages(), problem=str(error))
    except (BlobNotFound, StorageFailed):
        return None
    return SbomReading(document=document, packages=listed, skipped=_told(count, skipped))


def _told(count: int, skipped: list[SkippedElement]) -> str | None:
    """Format the number of unreadable elements, and the first of them."""
    if not skipped:
        return None
    elements = "1 element" if count == 1 else f"{count} elements"
    return f"{elements} cannot be read, first {skipped[0].path}: {skipped[0].why}"


def _write_in_parts(catalog: Catalog, reading: SbomReading) -> None:
    """Write the packages of a large document in several short transactions."""
    for part in reading.packages.parts():
        with catalog.writing() as connection:
            if not sboms.remember_part(connection, reading.document, part):
                return
    with catalog.writing() as connection:
        sboms.finish(connection, reading)


def _write(catalog: Catalog, found: Collection[SbomReading]) -> None:
    if found:
        with catalog.writing() as connection:
            sboms.remember(connection, found)
