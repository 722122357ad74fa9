"""Statements of reconciliation on rows of `ref`: loaded, inserted, updated, deleted."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Insert, Rows, Scalars, Write
from cachedb.records import NamedTuple


class StoredRef(NamedTuple):
    """Stored columns of a ref, with which reconciliation compares an entry of index.json."""

    id: int
    position: int
    entry: str
    name: str | None
    target_id: int
    media_type: str
    size: int
    platform_id: int | None
    added: int


class RefClaim(NamedTuple):
    """Declaration of a ref about the blob `target_id`."""

    id: int
    target_id: int
    media_type: str
    size: int
    platform_id: int | None


class AttachableRef(NamedTuple):
    """A name, the digest of its entry, and the annotation by which tools mark attachments."""

    name: str
    digest: str
    kind: str | None


ALL: Final = Rows("stored_refs.all", StoredRef)
"""Every ref, in the order of index.json."""
BETWEEN: Final = Rows("stored_refs.between", StoredRef)
"""The refs with positions from `first` to before `end`, in their order."""
ON_TARGETS: Final = Rows("stored_refs.on_targets", RefClaim)
"""The refs of the blobs `ids`."""
ATTACHABLE: Final = Rows("stored_refs.attachable", AttachableRef)
"""The refs that cosign may have named, and those of a name with an annotation `kind`."""
NEXT_ID: Final = Scalars("stored_refs.next_id", int)
"""One more than the largest id."""
INSERT: Final = Insert(
    "stored_refs.insert", "id", "position", "entry", "name", "registry", "repo", "tag",
    "target_id", "media_type", "size", "platform_id", "pinned", "added",
)  # fmt: skip
UPDATE: Final = Write("stored_refs.update")
"""Set the columns of index.json, and `added`, of the row with the id `row_id`."""
MOVE: Final = Write("stored_refs.move")
"""Set the `position` of the row with the id `row_id`."""
SHIFT: Final = Write("stored_refs.shift")
"""Add `by` to the positions from `start` on."""
DELETE: Final = Write("stored_refs.delete")
"""Delete the rows of `ids`."""
INSERT_ANNOTATIONS: Final = Insert("stored_refs.insert_annotations", "ref_id", "key", "value")
DELETE_ANNOTATIONS: Final = Write("stored_refs.delete_annotations")
"""Delete the annotations of the refs of `ids`."""
