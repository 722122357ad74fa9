"""Statements on SBOM documents: links to them, described blobs, results of reading."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Insert, Rows, Scalars, Write
from cachedb.records import NamedTuple


class UnreadRow(NamedTuple):
    """An unread document, and the state of its file when it was listed."""

    id: int
    digest: str
    touched: int
    media_type: str
    predicate_type: str


class SbomRow(NamedTuple):
    """A document: its types, and the number of its packages, NULL while it is unread."""

    document_id: int
    media_type: str
    predicate_type: str
    packages: int | None


class UnreadableRow(NamedTuple):
    """A document that cannot be read, as a whole or in part, and why.

    A document without a reason is unread; one with packages was read in part.
    """

    digest: str
    media_type: str
    problem: str | None
    packages: int | None


class DocumentClaim(NamedTuple):
    """A layer with a file, of a manifest that describes a blob, with all stated types.

    The types are those of the layer, of its manifest and of the config of that, and of the
    predicate that annotations state; '' where none is stated.
    """

    parent_id: int
    child_id: int
    digest: str
    layer_type: str
    """Media type of the layer."""
    artifact_type: str
    config_type: str
    """Media type of the config of the manifest."""
    predicate_type: str


class Described(NamedTuple):
    """A manifest, and a blob that it describes."""

    manifest_id: int
    """Id of the manifest."""
    target_id: int


UNREAD: Final = Rows("sbom_rows.unread", UnreadRow)
"""Every document that was not read, by digest."""
UNREAD_OF: Final = Rows("sbom_rows.unread_of", UnreadRow)
"""Those of `digests` that were not read."""
OF_IDS: Final = Rows("sbom_rows.of_ids", SbomRow)
"""The documents among `ids`."""
UNREADABLE: Final = Rows("sbom_rows.unreadable", UnreadableRow)
"""The documents that were not read, or only in part, by digest."""
ALL_IDS: Final = Scalars("sbom_rows.all_ids", int)
"""The id of every document, and of every layer that may be one."""
CALLED_SO: Final = Scalars("sbom_rows.called_so", int)
"""Those of `ids` that are documents, or layers that may be one."""
LISTED_BY: Final = Scalars("sbom_rows.listed_by", int)
"""The layers of the manifests `ids` that may be documents."""
CLAIMS_TO: Final = Rows("sbom_rows.claims_to", DocumentClaim)
"""The layers among `ids` that may be documents and have a file, by manifest and place."""
CLAIMS_OF: Final = Rows("sbom_rows.claims_of", DocumentClaim)
"""The layers of the manifests `ids` that may be documents and have a file, in their order."""
DESCRIBED_BY: Final = Rows("sbom_rows.described_by", Described)
"""The blobs with a file that the manifests `ids` describe: subject, or sibling in an index."""
DESCRIBING: Final = Rows("sbom_rows.describing", Described)
"""The manifests that describe those of `ids` that have a file."""
NEAR: Final = Scalars("sbom_rows.near", int)
"""The manifests that describe any of `ids`, with a file or without."""
INSERT: Final = Insert("sbom_rows.insert", "document_id", "media_type", "predicate_type")
SET_READ: Final = Write("sbom_rows.set_read")
"""Set the number of read `packages` of the document `document_id`, and its `problem` or NULL."""
SET_PROBLEM: Final = Write("sbom_rows.set_problem")
"""Set the `problem` of the document `document_id`, which names no package then."""
SET_CORRUPT: Final = Write("sbom_rows.set_corrupt")
"""Set that the file of the blob `document_id` is corrupt, and the `problem`."""
DELETE: Final = Write("sbom_rows.delete")
"""Delete the documents `ids`."""
