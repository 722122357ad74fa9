"""Statements about refs: entries of index.json with the blobs that they point at."""

from __future__ import annotations

from typing import Final, NamedTuple

from cachedb.catalog.statement import Rows, Scalars


class RefRow(NamedTuple):
    """A ref and its target; `size` is what index.json declares, in bytes."""

    id: int
    name: str | None
    media_type: str
    size: int
    blob_id: int
    digest: str
    kind: int
    pinned: int


ALL: Final = Rows("refs.all", RefRow)
"""Every ref, in the order of index.json, as in all selections of refs below."""
OF_IDS: Final = Rows("refs.of_ids", RefRow)
"""The refs of `ids`."""
OF_NAMES: Final = Rows("refs.of_names", RefRow)
"""The refs whose name is exactly one of `names`."""
OF_TAG: Final = Rows("refs.of_tag", RefRow)
"""The refs of a `tag`, NULL for none, in the repository `registry`, `repo`."""
OF_DIGESTS: Final = Rows("refs.of_digests", RefRow)
"""The refs whose target has a digest from `low` to `high`, both included."""
CONTAINING: Final = Rows("refs.containing", RefRow)
"""The refs whose target contains the blob `blob_id` at any depth, or is that blob."""
NAMES: Final = Scalars("refs.names", str)
"""Every name."""
