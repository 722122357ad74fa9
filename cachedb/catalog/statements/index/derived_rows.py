"""Statements that read all derived rows, to compare two catalogs."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Rows
from cachedb.records import NamedTuple


class BlobFact(NamedTuple):
    """Derived columns of a blob."""

    id: int
    digest: str
    kind: int
    state: int
    media_type: str
    platform_id: int | None


class LinkFact(NamedTuple):
    """A link."""

    parent_id: int
    child_id: int
    role: int
    position: int
    media_type: str
    size: int
    platform_id: int | None
    embedded: int


class EdgeFact(NamedTuple):
    """An edge."""

    parent_id: int
    child_id: int


class RefFact(NamedTuple):
    """A ref."""

    target_id: int
    name: str | None
    position: int
    entry: str
    pinned: int


BLOBS: Final = Rows("derived_rows.blobs", BlobFact)
LINKS: Final = Rows("derived_rows.links", LinkFact)
EDGES: Final = Rows("derived_rows.edges", EdgeFact)
REFS: Final = Rows("derived_rows.refs", RefFact)
