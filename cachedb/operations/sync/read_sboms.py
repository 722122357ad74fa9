"""Packages: read the SBOMs that are new, and enter what they name.

Reading takes the time that a document takes and needs no lock; what it has found is written
afterwards, of several documents at once. Whoever is interrupted leaves the rest to the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachedb.catalog.index import sboms
from cachedb.catalog.index.packages import PORTION, PackedPackages
from cachedb.catalog.index.sboms import Reading
from cachedb.catalog.statements.index import sbom_rows
from cachedb.errors import (
    BlobNotFound,
    CorruptBlob,
    InvalidManifest,
    LimitExceeded,
    StorageFailed,
)
from cachedb.oci.digest import Digest
from cachedb.packages.sbom_documents import packages_in

if TYPE_CHECKING:
    from collections.abc import Collection

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.catalog.index.sboms import Unread
    from cachedb.layout import Layout

# So many small documents share a transaction at most.
_DOCUMENTS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableSbom:
    """A document that should name packages and cannot be read."""

    digest: Digest
    media_type: str
    why: str


def read_new(layout: Layout, catalog: Catalog) -> None:
    """Read the documents that have not been read.

    A broken one is remembered with the reason, and read again only when its file has changed.
    """
    with catalog.reading() as connection:
        waiting = sboms.unread(connection)
    found: list[Reading] = []
    for document in waiting:
        reading = _read(layout, document)
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
    """Return the documents that cannot be read, or could not be opened so far."""
    return tuple(
        UnreadableSbom(
            digest=Digest.declared(row.digest),
            media_type=row.media_type,
            why=row.problem or "was not read",
        )
        for row in connection.each(sbom_rows.UNREADABLE)
    )


def _read(layout: Layout, document: Unread) -> Reading | None:
    """Read a document; None if it cannot be opened now, which another time may be otherwise."""
    listed = PackedPackages()
    try:
        with layout.blobs.open(document.digest) as stream:
            for package in packages_in(stream, document.media_type, document.predicate_type):
                listed.add(package)
    except CorruptBlob as error:
        return Reading(document=document, problem=error.why, is_corrupt=True)
    except (InvalidManifest, LimitExceeded) as error:
        return Reading(document=document, problem=str(error))
    except (BlobNotFound, StorageFailed):
        return None
    return Reading(document=document, packages=listed)


def _write_in_parts(catalog: Catalog, reading: Reading) -> None:
    """Write what a large document names without making others wait for all of it."""
    for part in reading.packages.parts():
        with catalog.writing() as connection:
            if not sboms.remember_part(connection, reading.document, part):
                return
    with catalog.writing() as connection:
        sboms.finish(connection, reading)


def _write(catalog: Catalog, found: Collection[Reading]) -> None:
    if found:
        with catalog.writing() as connection:
            sboms.remember(connection, found)
