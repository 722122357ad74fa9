"""Codes and keys of the catalog: states, kinds, readings and roles, without SQLAlchemy."""

from __future__ import annotations

from enum import IntEnum

SCHEMA_VERSION = 2
"""The `user_version` of a catalog with today's tables."""
APPLICATION_ID = 0x0C1CACED
"""The `application_id` of a catalog of cachedb."""

FINGERPRINT = "fingerprint"
"""The key in `state` of the fingerprint of the files that the rows are derived from."""
INDEX_PROBLEMS = "index-problems"
"""The key in `state` of a JSON list of the entries of index.json that cannot be read."""
JOURNAL = "journal"
"""The key in `state` of the position up to which the journal was read."""
ADOPTED = "adopted"
"""The key in `state` of the time at which a new catalog first read names that are older."""
NAMES = "names"
"""The key in `state` of the index.json that the rows are derived from."""
ENTRY_PLACES = "entry-places"
"""The key in `state` of the places of the entries in the text of `NAMES`, as differences."""
OWNER = "server owner"
"""The key in `state` of the identity of the layout that a catalog in a server is about."""

DISTRUSTED = "distrusted-layers"
"""The key in `state` of a JSON list of the layers whose table of contents is false."""
COLLECTOR = "collector"
"""The key in `state` of the running collection of a cache that hosts share."""
PUBLISHED = "published"
"""The key in `state` of a JSON object about the copy of a catalog that a host has published."""


class State(IntEnum):
    """Whether a blob is in the layout."""

    MISSING = 0
    """Absent from the layout although a ref or a present manifest requires the blob."""
    PRESENT = 1
    """In the layout, with the size that its parents declare."""
    CORRUPT = 2
    """In the layout with a wrong size or hash, or not readable as its declared type."""
    ABSENT = 3
    """Absent and not required: a platform that was not pulled, a removed subject."""
    FOREIGN = 4
    """Not required in the layout: a non-distributable layer, or content in its descriptor."""


class Kind(IntEnum):
    """Kind of a blob, by the strongest claim of the descriptors that point at it."""

    OTHER = 0
    INDEX = 1
    MANIFEST = 2
    CONFIG = 3
    LAYER = 4
    ATTESTATION = 5


DOCUMENTS = frozenset({Kind.INDEX, Kind.MANIFEST, Kind.ATTESTATION})
"""The kinds of blobs that hold descriptors of others."""


class Reading(IntEnum):
    """Manner in which the content of a document was read into rows."""

    NO = 0
    AS_DECLARED = 1
    """Read as the media type that descriptors of it declare."""
    AS_GUESSED = 2
    """Without a descriptor, read as the media type that the document states."""
    AS_STATED = 3
    """Read as the media type that the document states, which descriptors declare as well."""


class Role(IntEnum):
    """Role of a child in its parent."""

    MANIFEST = 1
    CONFIG = 2
    LAYER = 3
    SUBJECT = 4
