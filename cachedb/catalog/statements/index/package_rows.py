"""Statements on packages and on the blobs at which they are entered."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Insert, Rows, Scalars, Write
from cachedb.records import NamedTuple


class KnownPackage(NamedTuple):
    """A package that was looked up under a key."""

    key: int
    id: int


class EnteredCount(NamedTuple):
    """Number of packages of a document that are entered at a blob."""

    blob_id: int
    packages: int


class Entered(NamedTuple):
    """A blob at which packages of a document are entered."""

    document_id: int
    blob_id: int


LOOK_UP: Final = Rows("package_rows.look_up", KnownPackage)
"""The ids of `packages`: rows of a key, name, version, scheme, purl, license, type."""
NEXT_ID: Final = Scalars("package_rows.next_id", int)
"""One more than the largest id of a package."""
INSERT: Final = Insert(
    "package_rows.insert", "id", "name", "version", "scheme", "vkey", "purl", "license", "type"
)
ENTER: Final = Insert("package_rows.enter", "blob_id", "package_id", "document_id")
"""Insert that a document names packages in blobs."""
ENTER_MISSING: Final = Write("package_rows.enter_missing")
"""Insert the packages `ids` of a `document_id` at a `target_id`, unless the row exists."""
COPY: Final = Write("package_rows.copy")
"""Copy the packages of the document `document_id` from `source_id` to `target_id`."""
COUNTS: Final = Rows("package_rows.counts", EnteredCount)
"""The number of packages of the document `document_id` that are entered at each blob."""
ENTERED: Final = Rows("package_rows.entered", Entered)
"""The blobs at which packages of the documents `ids` are entered."""
NAMED_IN: Final = Scalars("package_rows.named_in", int)
"""The packages that are entered at the blobs `ids`."""
NAMED_BY: Final = Scalars("package_rows.named_by", int)
"""The packages that the documents `ids` name."""
NAMED_BY_IN: Final = Scalars("package_rows.named_by_in", int)
"""The packages that the document `document_id` names at the blob `target_id`."""
DELETE_IN: Final = Write("package_rows.delete_in")
"""Delete the packages entered at the blobs `ids`."""
DELETE_BY: Final = Write("package_rows.delete_by")
"""Delete the packages of the documents `ids`."""
DELETE_BY_IN: Final = Write("package_rows.delete_by_in")
"""Delete the packages of the document `document_id` at the blob `target_id`."""
DELETE_UNNAMED: Final = Write("package_rows.delete_unnamed")
"""Delete those of the packages `ids` that no document names."""
