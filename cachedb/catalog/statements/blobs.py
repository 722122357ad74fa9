"""Statements about blobs: nodes of the content graph, present or only declared."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Rows, Scalars
from cachedb.catalog.statements.index.documents import PlatformRow
from cachedb.records import NamedTuple


class RootRow(NamedTuple):
    """A blob as a root: its size is that of its file, or as first declared."""

    id: int
    digest: str
    media_type: str
    size: int
    kind: int


class NodeRow(NamedTuple):
    """A blob as a node of the graph; its platform is that of its config, NULL if there is none."""

    id: int
    digest: str
    kind: int
    state: int
    size: int
    platform_id: int | None


class DigestRow(NamedTuple):
    """A blob by its id and its digest."""

    id: int
    digest: str


class StateRow(NamedTuple):
    """A blob with its state and its problem."""

    digest: str
    kind: int
    state: int
    problem: str | None


class SizeRow(NamedTuple):
    """The bytes on disk of the content of a blob, itself included."""

    root: int
    """Id of the blob."""
    size: int


class IndexMemberRow(NamedTuple):
    """An entry of an index; its platform is that of its descriptor, or else of its config."""

    parent_id: int
    blob_id: int
    kind: int
    platform_id: int | None


class EntryRow(NamedTuple):
    """A manifest or an index, with the platform that its config names, NULL if it names none.

    `configured_architecture`, `configured_variant` and `configured_os_version` are the other
    parts.
    """

    id: int
    digest: str
    kind: int
    state: int
    problem: str | None
    configured_os: str | None
    """Parts of the platform in the config, normalised; all NULL without one."""
    configured_architecture: str | None
    configured_variant: str | None
    configured_os_version: str | None


class ManifestRow(NamedTuple):
    """An entry of an index, with the platforms that its descriptor and its config name.

    `declared_os`, `declared_architecture`, `declared_variant` and `declared_os_version` are the
    parts of the platform of the descriptor; `configured_os`, `configured_architecture`,
    `configured_variant` and `configured_os_version` those of the config. All parts of one are NULL
    if it is not named.
    """

    parent_id: int
    child_id: int
    digest: str
    kind: int
    state: int
    problem: str | None
    declared_os: str | None
    declared_architecture: str | None
    declared_variant: str | None
    declared_os_version: str | None
    configured_os: str | None
    configured_architecture: str | None
    configured_variant: str | None
    configured_os_version: str | None


OF_DIGESTS: Final = Rows("blobs.of_digests", RootRow)
"""The blobs that have or need a file, with a digest from `low` to `high`, by digest."""
ID: Final = Scalars("blobs.id", int)
"""The id of the blob of `digest`."""
NODES: Final = Rows("blobs.nodes", NodeRow)
"""The blobs of `ids`, in no order."""
DOCUMENT: Final = Rows("blobs.document", RootRow)
"""The blob of `digest`, if it is a document that is present and has no problem."""
PLATFORMS: Final = Rows("blobs.platforms", PlatformRow)
"""The platforms of `ids`, to which blobs and links refer, in no order."""
DOCUMENTS_BELOW: Final = Rows("blobs.documents_below", DigestRow)
"""The indexes, manifests and attestations that `blob_id` contains or is, by digest."""
AMONG: Final = Rows("blobs.among", RootRow)
"""The blobs of `digests`, those that need no file included, by digest."""
REFERENCED: Final = Rows("blobs.referenced", StateRow)
"""All blobs that refs contain, by digest."""
CORRUPT: Final = Rows("blobs.corrupt", StateRow)
"""All corrupt blobs."""
SEEN_IN: Final = Scalars("blobs.seen_in", str)
"""The repositories, with their registry, where the blob `blob_id` was seen, the latest first."""
WITHOUT_FILE: Final = Scalars("blobs.without_file", str)
"""The digests of missing and absent blobs."""
REACHABLE_WITHOUT_FILE: Final = Scalars("blobs.reachable_without_file", str)
"""The digests that refs reach and that have no file."""
SUBJECTS_OF_REFS: Final = Scalars("blobs.subjects_of_refs", int)
"""The ids of the subjects of all that refs reach, with their content; refs `without` excluded."""
SIZES: Final = Rows("blobs.sizes", SizeRow)
"""The bytes on disk of the content of each of `targets`; shared blobs count for each."""
BROKEN: Final = Scalars("blobs.broken", int)
"""The ids of all blobs that contain a missing or corrupt one."""
PARTIAL: Final = Scalars("blobs.partial", int)
"""The ids of all blobs that contain a platform that was not pulled."""
ENTRIES: Final = Rows("blobs.entries", EntryRow)
"""Kind, media type and platform of each of `targets`."""
MEMBERS: Final = Rows("blobs.members", IndexMemberRow)
"""The entries that each of the indexes `parents` lists, by parent, in the order listed."""
MANIFESTS: Final = Rows("blobs.manifests", ManifestRow)
"""The manifests that each of the indexes `parents` lists, by parent, in the order listed."""
