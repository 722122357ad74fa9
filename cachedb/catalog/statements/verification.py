"""Statements of verification: files to hash, and results of hashing."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Rows, Scalars, Write
from cachedb.catalog.statements.blobs import DigestRow
from cachedb.records import NamedTuple


class StoredFileRow(NamedTuple):
    """A blob that has a file, and its size in bytes."""

    id: int
    digest: str
    size: int


class VerifiedRow(NamedTuple):
    """A blob whose file was hashed, and the time of its last change, in nanoseconds since 1970."""

    digest: str
    touched: int


class StoredRow(NamedTuple):
    """A blob, and the time at which the catalog takes its file to have changed, as above."""

    id: int
    touched: int | None


FILES: Final = Rows("verification.files", StoredFileRow)
"""All blobs that have a file, by id."""
FILES_OF: Final = Rows("verification.files_of", StoredFileRow)
"""The blobs with a file that `targets` contain, by id."""
MISSING: Final = Scalars("verification.missing", str)
"""The digests of the missing blobs that refs reach."""
MISSING_OF: Final = Scalars("verification.missing_of", str)
"""The digests of the missing blobs that `targets` contain."""
CORRUPT: Final = Rows("verification.corrupt", DigestRow)
"""All corrupt blobs."""
INTACT: Final = Rows("verification.intact", VerifiedRow)
"""Those of `digests` that are present and were verified, by digest."""
ARRIVED: Final = Write("verification.arrived")
"""Record that the blobs of `digests` were hashed at the time `moment` and are intact."""
STORED: Final = Rows("verification.stored", StoredRow)
"""The rows of `ids`, in no order."""
VERIFIED: Final = Write("verification.verified")
"""Record at the time `moment` that the files of `ids` were intact."""
HEALED: Final = Write("verification.healed")
"""Mark the corrupt blob of `digest` as present, unless it is a document that was read."""
CORRUPTED: Final = Write("verification.corrupted")
"""Mark the blob of `digest` as corrupt because of `problem`."""
