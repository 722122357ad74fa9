"""Rows in memory: blobs, and what is said of them, while one reconciliation changes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cachedb.catalog.enums import Kind, Reading, Role, State

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS = (
    "size", "kind", "state", "media_type", "artifact_type", "platform_id", "parsed", "problem",
    "touched", "verified",
)  # fmt: skip
"""The columns of `blob` that can change, in the order of `BlobRow.values`."""


@dataclass(slots=True, eq=False)
class Claim:
    """What a ref, or a link from `parent`, says of a blob."""

    media_type: str
    size: int
    platform_id: int | None = None
    role: Role | None = None
    """None for a ref."""
    parent: BlobRow | None = None
    """Not loaded for a layer, of which it does not matter."""
    is_embedded: bool = False
    is_attestation: bool = False


@dataclass(slots=True, eq=False)
class NewLink(Claim):
    """A link that is to be inserted: a claim, the blob it is about, and its place."""

    child: BlobRow = field(kw_only=True)
    position: int = field(kw_only=True)
    artifact_type: str | None = field(kw_only=True)
    annotations: Mapping[str, str] = field(kw_only=True)


@dataclass(slots=True, eq=False)
class BlobRow:
    """A row of `blob` that may be changed; a flush writes what differs from `stored`."""

    id: int
    digest: str
    size: int
    kind: Kind = Kind.OTHER
    state: State = State.MISSING
    media_type: str = ""
    artifact_type: str | None = None
    platform_id: int | None = None
    parsed: Reading = Reading.NO
    problem: str | None = None
    touched: int | None = None
    verified: int | None = None
    stored: tuple[Any, ...] | None = None
    """The values in the database; None if it has no row there."""
    links: list[NewLink] = field(default_factory=list)
    """What its document says, if that has been read just now."""
    claims: list[NewLink] = field(default_factory=list)
    """What documents that have been read just now say of it."""
    is_gone: bool = False
    """Whether nothing stands for it any longer, so that its row is to be deleted."""

    @property
    def has_file(self) -> bool:
        """Whether there is a file in the layout."""
        return self.touched is not None

    def values(self) -> tuple[Any, ...]:
        """Return the values of `COLUMNS`."""
        return (
            self.size, int(self.kind), int(self.state), self.media_type, self.artifact_type,
            self.platform_id, int(self.parsed), self.problem, self.touched, self.verified,
        )  # fmt: skip

    def forget(self) -> None:
        """Be as a row that has just been made."""
        self.kind, self.state, self.media_type = Kind.OTHER, State.MISSING, ""
        self.artifact_type, self.platform_id, self.problem = None, None, None
        self.parsed, self.touched, self.verified = Reading.NO, None, None
