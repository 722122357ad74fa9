"""Questions that a catalog answers by name, so that who asks need not know how.

Most commands ask by way of SQLAlchemy (`statements.asking`). The few that take less time than
importing it ask SQLite itself, with the texts to which the same statements compile (`hot`).
"""

from __future__ import annotations

import json
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable


class Question(StrEnum):
    """What can be asked; the columns of an answer are those of the statement of that name."""

    REMEMBERED = auto()
    """What the catalog knows of itself under `key`."""
    UNREAD_SBOMS = auto()
    """The first of the documents that wait to be read."""
    GONE = auto()
    """The digests of what somebody points at and that has no file, needed or not."""

    REFS = auto()
    """Every ref, in the order of index.json; so are all refs below."""
    REFS_OF_IDS = auto()
    """The refs of `ids`, which are `many`."""
    REFS_OF_NAMES = auto()
    """The refs of exactly these `names`, which are `many`."""
    REFS_OF_TAG = auto()
    """The refs of a `tag`, or without one, in a repository: `registry` and `repo`."""
    REFS_OF_DIGESTS = auto()
    """The refs of everything from the digest `low` to `high`, both included."""
    REFS_CONTAINING = auto()
    """The refs that contain the blob of the id `blob_id`."""
    NAMES = auto()
    """Every name."""
    BLOBS_OF_DIGESTS = auto()
    """What has, or should have, a file, from the digest `low` to `high`, both included."""

    SIZES = auto()
    """The bytes on disk that each of `targets`, which are `many`, contains."""
    BROKEN = auto()
    """The ids of everything that contains something missing or corrupt."""
    PARTIAL = auto()
    """The ids of everything that contains a platform that was not pulled."""
    ENTRIES = auto()
    """What each of `targets`, which are `many`, is, and the platform of its config."""
    MANIFESTS = auto()
    """What each of `parents`, which are `many`, lists, with both platforms, in order."""


class Asking(Protocol):
    """Whoever answers; all that it is asked is about one state of the catalog."""

    def __call__(self, question: Question, /, **values: str | int | None) -> Iterable[Any]:
        """Return the rows of an answer, which unpack like tuples."""


def many(values: Iterable[str | int]) -> str:
    """Make one value of many: for any number of them it is the same statement."""
    return json.dumps(list(values), separators=(",", ":"))
