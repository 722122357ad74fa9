"""Statements about disk usage: bytes of the files of blobs, each blob counted once."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Rows, Scalars
from cachedb.catalog.statements.index.documents import PlatformRow
from cachedb.records import NamedTuple


class DiskRow(NamedTuple):
    """A blob, and the bytes of its file; 0 if it has none."""

    id: int
    size: int


class ChildrenRow(NamedTuple):
    """A document, and the ids of the blobs that it owns, joined with commas."""

    parent_id: int
    children: str
    """Ids of the blobs, in decimal, joined with commas."""


class NameRow(NamedTuple):
    """A ref with the parts of its name, and the digest of its target."""

    ref_id: int
    blob_id: int
    name: str | None
    registry: str | None
    repo: str | None
    digest: str


class ListedRow(NamedTuple):
    """An entry of an index, with the platforms of its descriptor and of its config, if any."""

    parent_id: int
    child_id: int
    state: int
    declared_id: int | None
    """Platform that the descriptor declares; NULL without one."""
    configured_id: int | None
    """Platform that the config names; NULL without one."""


class ManifestPlatformRow(NamedTuple):
    """A manifest, and the platform that its config names."""

    id: int
    platform_id: int


ON_DISK: Final = Scalars("usage.on_disk", int)
"""The bytes of all blobs that have a file."""
REFERENCED: Final = Scalars("usage.referenced", int)
"""The bytes of the content of all refs together."""
CONTENT: Final = Scalars("usage.content", int)
"""The bytes of the content of all `targets` together."""
FREED: Final = Scalars("usage.freed", int)
"""The bytes that no ref would keep if `refs`, a list of ids of refs, were removed."""
FILES: Final = Rows("usage.files", DiskRow)
"""All blobs."""
CHILDREN: Final = Rows("usage.children", ChildrenRow)
"""All documents that own a blob."""
NAMES: Final = Rows("usage.names", NameRow)
"""All refs, in the order of index.json."""
PLATFORMS: Final = Rows("usage.platforms", PlatformRow)
"""All platforms."""
LISTED: Final = Rows("usage.listed", ListedRow)
"""All manifests in indexes, attestations and indexes excepted, by index and place."""
MANIFESTS: Final = Rows("usage.manifests", ManifestPlatformRow)
"""All manifests whose config names a platform."""
