"""Codes and keys of the catalog: states, kinds, readings and roles, without SQLAlchemy."""

from __future__ import annotations

from enum import IntEnum

SCHEMA_VERSION = 2
"""The `user_version` of a catalog with today's tables."""
APPLICATION_ID = 0x0C1CACED
"""What marks a SQLite database as a catalog of ours."""

FINGERPRINT = "fingerprint"
"""The key in `state` of the state of the files that the rows stand for."""
INDEX_PROBLEMS = "index-problems"
"""The key in `state` of a JSON list of the entries of index.json that cannot be read."""
JOURNAL = "journal"
"""The key in `state` of the position up to which the journal was read."""
ADOPTED = "adopted"
"""The key in `state` of when a catalog first saw names that were there before it, if it did."""
NAMES = "names"
"""The key in `state` of the index.json that the rows stand for."""
OWNER = "server owner"
"""The key in `state` of the identity of the layout that a catalog in a server is about."""


class State(IntEnum):
    """Whether a blob is in the layout."""

    MISSING = 0
    """A ref or a present manifest needs it, and it is not there."""
    PRESENT = 1
    """It is there, with the size that its parents declare."""
    CORRUPT = 2
    """It is there with a wrong size or hash, or it cannot be read as what it has to be."""
    ABSENT = 3
    """Nothing here needs it: a platform that was not pulled, a subject that is gone."""
    FOREIGN = 4
    """It need not be there: a non-distributable layer, or content embedded in its descriptor."""


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
    """Whether the rows of a document stand for its content."""

    NO = 0
    AS_DECLARED = 1
    """It was read as what those who point at it say it is."""
    AS_GUESSED = 2
    """Nothing pointed at it, and it was read as what it says itself."""
    AS_STATED = 3
    """It was read as what it says itself, which is what those who point at it say as well."""


class Role(IntEnum):
    """Role of a child in its parent."""

    MANIFEST = 1
    CONFIG = 2
    LAYER = 3
    SUBJECT = 4
