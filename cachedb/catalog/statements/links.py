"""Statements about links, the descriptors inside documents, and about edges, those that own."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Rows, Scalars
from cachedb.catalog.statements.refs import ClaimRow
from cachedb.records import NamedTuple


class ChildRow(NamedTuple):
    """A descriptor in a document; its platform is NULL if it names none."""

    parent_id: int
    child_id: int
    role: int
    platform_id: int | None


class SubjectRow(NamedTuple):
    """A referrer, a document that names a subject; its size is that of its file."""

    subject: str
    """Digest of the subject."""
    digest: str
    media_type: str
    size: int


class EdgeRow(NamedTuple):
    """A parent and a blob that it owns."""

    parent_id: int
    child_id: int


CLAIMS: Final = Rows("links.claims", ClaimRow)
"""The claims of descriptors in documents about the blob `blob_id`."""
CHILDREN: Final = Rows("links.children", ChildRow)
"""The descriptors in each of `parents` other than subjects, by parent, role and place."""
REFERRERS: Final = Rows("links.referrers", SubjectRow)
"""The present referrers of each of `digests`, by digest."""
EDGES: Final = Rows("links.edges", EdgeRow)
"""The edges down from each of `parents`, by parent and child."""
EDGES_ABOVE: Final = Rows("links.edges_above", EdgeRow)
"""The edges into the blob `blob_id` and into its ancestors, by parent."""
OWNERS: Final = Scalars("links.owners", int)
"""The ids of those of `parents` that have an edge down."""
