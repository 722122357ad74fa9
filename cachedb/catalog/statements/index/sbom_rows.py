"""Statements on SBOM documents: which links lead to them, what they describe, what was read."""

from __future__ import annotations

from typing import Final, NamedTuple

from cachedb.catalog.statement import Insert, Rows, Scalars, Write


class UnreadRow(NamedTuple):
    """A document that was not read, and the file that it was when it was listed."""

    id: int
    digest: str
    touched: int
    media_type: str
    predicate_type: str


class SbomRow(NamedTuple):
    """A document: how it is read, and how many packages it names, NULL while it is unread."""

    document_id: int
    media_type: str
    predicate_type: str
    packages: int | None


class UnreadableRow(NamedTuple):
    """A document that cannot be read, and why; without a reason it was not read yet."""

    digest: str
    media_type: str
    problem: str | None


class DocumentClaim(NamedTuple):
    """A link to a document that has a file, and the predicate type that it states, or ''."""

    parent_id: int
    child_id: int
    media_type: str
    predicate_type: str
    digest: str


class Described(NamedTuple):
    """A manifest, and a blob that it is about."""

    manifest_id: int
    target_id: int


UNREAD: Final = Rows("sbom_rows.unread", UnreadRow)
"""Every document that was not read, by digest."""
UNREAD_OF: Final = Rows("sbom_rows.unread_of", UnreadRow)
"""Those of `digests` that were not read."""
OF_IDS: Final = Rows("sbom_rows.of_ids", SbomRow)
"""The documents among `ids`."""
UNREADABLE: Final = Rows("sbom_rows.unreadable", UnreadableRow)
"""The documents that cannot be read, or were not read, by digest."""
ALL_IDS: Final = Scalars("sbom_rows.all_ids", int)
"""The id of every document, and of every blob that a link calls one."""
CALLED_SO: Final = Scalars("sbom_rows.called_so", int)
"""Those of `ids` that are documents, or that a link calls one."""
LISTED_BY: Final = Scalars("sbom_rows.listed_by", int)
"""What links of the manifests `ids` call a document."""
CLAIMS_TO: Final = Rows("sbom_rows.claims_to", DocumentClaim)
"""The links to those of `ids` that have a file, by parent and place."""
CLAIMS_OF: Final = Rows("sbom_rows.claims_of", DocumentClaim)
"""The links of the manifests `ids` to documents that have a file, by parent and place."""
DESCRIBED_BY: Final = Rows("sbom_rows.described_by", Described)
"""What the manifests `ids` are about and has a file: their subject, or a sibling in an index."""
DESCRIBING: Final = Rows("sbom_rows.describing", Described)
"""The manifests that are about those of `ids` that have a file."""
NEAR: Final = Scalars("sbom_rows.near", int)
"""The manifests that are about any of `ids`, with a file or without."""
INSERT: Final = Insert("sbom_rows.insert", "document_id", "media_type", "predicate_type")
SET_READ: Final = Write("sbom_rows.set_read")
"""Set that the document `document_id` was read and names so many `packages`."""
SET_PROBLEM: Final = Write("sbom_rows.set_problem")
"""Set the `problem` of the document `document_id`, which names no package then."""
SET_CORRUPT: Final = Write("sbom_rows.set_corrupt")
"""Set that the file of the blob `document_id` is corrupt, and the `problem`."""
DELETE: Final = Write("sbom_rows.delete")
"""Delete the documents `ids`."""
