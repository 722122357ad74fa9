"""Statements of reconciliation on rows of `blob`: loaded, inserted, updated, deleted."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Insert, Rows, Scalars, Write
from cachedb.records import NamedTuple


class StoredBlob(NamedTuple):
    """A whole row of `blob`, as the driver returns it."""

    id: int
    digest: str
    size: int
    kind: int
    state: int
    media_type: str
    artifact_type: str | None
    platform_id: int | None
    parsed: int
    problem: str | None
    touched: int | None
    verified: int | None


class FileRow(NamedTuple):
    """The recorded file of a blob: its size in bytes, its newest time in nanoseconds."""

    digest: str
    size: int
    touched: int


class BlobName(NamedTuple):
    """The id and the digest of a blob."""

    id: int
    digest: str


NAMES_OF: Final = Rows("stored_blobs.names_of", BlobName)
"""The ids of `digests`."""
FILES: Final = Rows("stored_blobs.files", FileRow)
"""Every blob that has a file."""
OF_DIGESTS: Final = Rows("stored_blobs.of_digests", StoredBlob)
"""The rows of `digests`."""
OF_IDS: Final = Rows("stored_blobs.of_ids", StoredBlob)
"""The rows of `ids`."""
NEXT_ID: Final = Scalars("stored_blobs.next_id", int)
"""One more than the largest id."""
INSERT: Final = Insert("stored_blobs.insert", *StoredBlob._fields)
"""Insert whole rows."""
UPDATE: Final = Write("stored_blobs.update")
"""Set every mutable column of the row with the id `row_id`."""
DELETE: Final = Write("stored_blobs.delete")
"""Delete the rows of `ids`."""
