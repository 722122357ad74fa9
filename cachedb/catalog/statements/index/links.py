"""Statements on links, descriptors inside documents, and on edges, which own."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Insert, Rows, Scalars, Write
from cachedb.records import NamedTuple


class LayerClaim(NamedTuple):
    """Declaration of a layer by links; the same claim of several parents is one row."""

    child_id: int
    media_type: str
    size: int
    embedded: int


class LinkClaim(NamedTuple):
    """A link to anything but a layer."""

    child_id: int
    parent_id: int
    role: int
    media_type: str
    size: int
    platform_id: int | None
    embedded: int
    is_attestation: int
    """1 if annotations of the descriptor mark it as an attestation manifest."""


class ContentRow(NamedTuple):
    """A link of a manifest to its config or to a layer."""

    parent_id: int
    child_id: int
    role: int
    media_type: str


class LinkRow(NamedTuple):
    """A link without its declarations about the child."""

    parent_id: int
    child_id: int
    role: int


class Edge(NamedTuple):
    """Link that carries reachability from the parent to the child."""

    parent_id: int
    child_id: int


LAYER_CLAIMS: Final = Rows("links.layer_claims", LayerClaim)
"""The claims of links about the layers among `ids`."""
OTHER_CLAIMS: Final = Rows("links.other_claims", LinkClaim)
"""The links to `ids`, except those with the role of a layer."""
MANIFESTS: Final = Rows("links.manifests", Edge)
"""The manifests that the indexes among `ids` list, each once."""
CONTENT: Final = Rows("links.content", ContentRow)
"""The config and the layers of the manifests among `ids`."""
OF_PARENTS: Final = Rows("links.of_parents", LinkRow)
"""All links of the documents among `ids`."""
EDGES_FROM: Final = Rows("links.edges_from", Edge)
"""The edges that lead from `ids`."""
CLAIMED_BY_REFS: Final = Scalars("links.claimed_by_refs", int)
"""Those of `ids` at which refs point."""
CLAIMED_BY_OTHERS: Final = Scalars("links.claimed_by_others", int)
"""Those of `ids` to which documents outside of `ids` have a link, each once."""
REACHED_BY: Final = Scalars("links.reached_by", int)
"""The blobs to which documents among `ids` have a link, each once."""
NEXT_ID: Final = Scalars("links.next_id", int)
"""One more than the largest id of a link."""
INSERT: Final = Insert(
    "links.insert", "id", "parent_id", "child_id", "role", "position", "media_type", "size",
    "platform_id", "artifact_type", "embedded",
)  # fmt: skip
INSERT_EDGES: Final = Insert("links.insert_edges", "parent_id", "child_id")
INSERT_ANNOTATIONS: Final = Insert("links.insert_annotations", "link_id", "key", "value")
DELETE_ANNOTATIONS: Final = Write("links.delete_annotations")
"""Delete the annotations of all links of the documents among `ids`."""
DELETE: Final = Write("links.delete")
"""Delete all links of the documents among `ids`."""
DELETE_EDGES_FROM: Final = Write("links.delete_edges_from")
"""Delete the edges that lead from `ids`."""
DELETE_EDGES_TO: Final = Write("links.delete_edges_to")
"""Delete the edges that lead to `ids`."""
DELETE_EDGE: Final = Write("links.delete_edge")
"""Delete the edge from `parent` to `child`."""
