"""Statements about all refs and blobs, for reports on a whole cache."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Rows, Scalars
from cachedb.catalog.statements.blobs import DigestRow
from cachedb.records import NamedTuple


class DetailRow(NamedTuple):
    """Properties of a ref besides its name; times are microseconds since 1970 in UTC."""

    ref_id: int
    tag: str | None
    kind: int
    pinned: int
    source: str | None
    added: int
    pulled: int | None
    used: int | None


class MediaTypeRow(NamedTuple):
    """Files of one kind and media type, and their bytes."""

    kind: int
    media_type: str
    blobs: int
    """Number of files."""
    size: int


class BuiltRow(NamedTuple):
    """Time in the config of a manifest at which its image was made."""

    id: int
    created: int


class MismatchRow(NamedTuple):
    """An index, and the platforms that it and a config name for one manifest."""

    parent_id: int
    declared_id: int
    """Platform that the index declares."""
    configured_id: int
    """Platform that the config names."""


class SharedRow(NamedTuple):
    """A blob with the digest and the kind of it."""

    id: int
    digest: str
    kind: int


DETAILS: Final = Rows("reports.details", DetailRow)
"""All refs."""
MEDIA_TYPES: Final = Rows("reports.media_types", MediaTypeRow)
"""All files by kind and media type, the most bytes first."""
CREATED: Final = Rows("reports.created", BuiltRow)
"""All manifests whose config names the time."""
MISMATCHES: Final = Rows("reports.mismatches", MismatchRow)
"""All manifests in indexes for which index and config name platforms that are not the same."""
FAULTY: Final = Scalars("reports.faulty", int)
"""The ids of all documents with a problem, or with a declared size other than that of the file."""
LAYERS: Final = Rows("reports.layers", DigestRow)
"""All layers that have a file, by id."""
BLOBS: Final = Rows("reports.blobs", SharedRow)
"""The blobs of `ids`."""
