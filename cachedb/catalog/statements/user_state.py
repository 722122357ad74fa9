"""Statements on user state, which only the catalog and the journal hold."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Insert, Rows, Scalars, Write
from cachedb.records import NamedTuple


class NameState(NamedTuple):
    """User state of a name for a digest; times in microseconds since 1970."""

    digest: str
    name: str | None
    source: str | None
    origin: str | None
    added: int
    pulled: int | None
    used: int | None


class HashedFile(NamedTuple):
    """A file that was hashed and found intact, identified by size and time."""

    digest: str
    size: int
    touched: int | None
    verified: int


class CorruptFile(NamedTuple):
    """A file that was found corrupt, and why."""

    digest: str
    size: int
    touched: int | None
    problem: str | None


class SeenBlob(NamedTuple):
    """A repository that held a blob at a time."""

    digest: str
    repository: str
    seen: int


class LeaseRow(NamedTuple):
    """A lease."""

    id: str
    host: str
    pid: int
    created: int
    expires: int


class LeaseItemRow(NamedTuple):
    """A digest that a lease holds."""

    lease_id: str
    digest: str


class DigestId(NamedTuple):
    """The id of a digest."""

    digest: str
    id: int


NAMES: Final = Rows("user_state.names", NameState)
HASHED: Final = Rows("user_state.hashed", HashedFile)
CORRUPT: Final = Rows("user_state.corrupt", CorruptFile)
REPOSITORIES: Final = Rows("user_state.repositories", SeenBlob)
LEASES: Final = Rows("user_state.leases", LeaseRow)
LEASE_ITEMS: Final = Rows("user_state.lease_items", LeaseItemRow)
IDS: Final = Rows("user_state.ids", DigestId)
"""The ids of `digests`."""
SET_NAME: Final = Write("user_state.set_name")
"""Set the user state of the ref of `target_id` and `name`; NULL leaves a column unchanged."""
SET_TIMES: Final = Write("user_state.set_times")
"""Move `used` and `pulled` of the refs of a `name` forward; NULL leaves a time unchanged."""
SET_USED: Final = Write("user_state.set_used")
"""Move `used` of every ref of the target `digest` forward."""
PINS: Final = Scalars("user_state.pins", str)
"""The names that are pinned, and the digests of pinned entries without a name."""
INSERT_PINS: Final = Insert("user_state.insert_pins", "key")
DELETE_PINS: Final = Write("user_state.delete_pins")
"""Delete the pins of `keys`."""
MARK_PINNED: Final = Write("user_state.mark_pinned")
"""Set `pinned` of every ref that has a pin."""
CLEAR_PINNED: Final = Write("user_state.clear_pinned")
"""Clear `pinned` of every ref that has neither a pin nor the `annotation`."""
SET_VERIFIED: Final = Write("user_state.set_verified")
"""Set the time `verified` of the blob whose file has this `digest`, `size` and time `touched`."""
SET_CORRUPT: Final = Write("user_state.set_corrupt")
"""Mark the blob of such a file as corrupt, unless its document has just been read again."""
INSERT_REPOSITORIES: Final = Insert(
    "user_state.insert_repositories", "blob_id", "repository", "seen"
)
