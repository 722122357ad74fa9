"""Rows in memory: blobs and claims about them, while one reconciliation changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cachedb.catalog import codecs
from cachedb.catalog.enums import Kind, Reading, Role, State
from cachedb.oci import attestation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachedb.catalog.statements.index.stored_blobs import StoredBlob
    from cachedb.oci import MediaType
    from cachedb.oci.manifest import Child

COLUMNS = (
    "size", "kind", "state", "media_type", "artifact_type", "platform_id", "parsed", "problem",
    "touched", "verified",
)  # fmt: skip
"""The columns of `blob` that can change, in the order of `BlobRow.values`."""


class Claim:
    """Declaration of a blob by a ref, or by a link from `parent`.

    `role` is None for a ref. `parent` is None for a layer, whose state does not depend on it.
    """

    __slots__ = (
        "is_attestation", "is_embedded", "media_type", "parent", "platform_id", "role", "size",
    )  # fmt: skip

    def __init__(
        self,
        media_type: str,
        size: int,
        platform_id: int | None = None,
        role: Role | None = None,
    ) -> None:
        self.media_type: str = media_type
        self.size: int = size
        self.platform_id: int | None = platform_id
        self.role: Role | None = role
        self.parent: BlobRow | None = None
        self.is_embedded: bool = False
        self.is_attestation: bool = False


class NewLink(Claim):
    """A link to insert: the claim of a descriptor in `parent`, the blob it is about, its place."""

    __slots__ = ("annotations", "artifact_type", "child", "position")

    def __init__(
        self, linked: Child, parent: BlobRow, child: BlobRow, role: Role, platform_id: int | None
    ) -> None:
        # Not by the constructor of the base class: there are more links than blobs.
        descriptor = linked.descriptor
        self.media_type: str = descriptor.media_type
        self.size: int = descriptor.size
        self.platform_id: int | None = platform_id
        self.role: Role | None = role
        self.parent: BlobRow = parent
        self.is_embedded: bool = descriptor.data is not None
        self.is_attestation: bool = attestation.is_attestation(descriptor.annotations)
        self.child: BlobRow = child
        self.position: int = linked.position
        self.artifact_type: MediaType | None = descriptor.artifact_type
        self.annotations: Mapping[str, str] = descriptor.annotations


class BlobRow:
    """A mutable row of `blob`; a flush writes it if it differs from `stored`."""

    __slots__ = (
        "artifact_type", "claims", "digest", "id", "is_gone", "kind", "links", "media_type",
        "parsed", "platform_id", "problem", "size", "state", "stored", "touched", "verified",
    )  # fmt: skip

    def __init__(self, key: int, digest: str, size: int) -> None:
        self.id: int = key
        self.digest: str = digest
        self.size: int = size
        self.forget()
        # The values in the database; None if it has no row there.
        self.stored: tuple[Any, ...] | None = None
        # The document itself, if it has been read in this pass.
        self.links: list[NewLink] = []
        # Claims of documents that have been read in this pass.
        self.claims: list[NewLink] = []
        # Whether no ref, link or file is left for the blob, so that its row is deleted.
        self.is_gone: bool = False

    @classmethod
    def load(cls, found: StoredBlob) -> BlobRow:
        """Make the mutable row of a stored one.

        Raises:
            ValueError: A column has a value outside of its range.
        """
        row = cls(found.id, found.digest, found.size)
        row.kind, row.state = codecs.kind(found.kind), codecs.state(found.state)
        row.media_type, row.artifact_type = found.media_type, found.artifact_type
        row.platform_id, row.problem = found.platform_id, found.problem
        row.parsed = codecs.reading(found.parsed)
        row.touched, row.verified = found.touched, found.verified
        row.stored = row.values()
        return row

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
        """Reset every column but the identity and the size to its default."""
        self.kind: Kind = Kind.OTHER
        self.state: State = State.MISSING
        self.media_type: str = ""
        self.parsed: Reading = Reading.NO
        self.artifact_type: str | None = None
        self.platform_id: int | None = None
        self.problem: str | None = None
        self.touched: int | None = None
        self.verified: int | None = None

    def have(self, size: int, touched: int) -> None:
        """Record a new or changed file, and forget everything about its former content."""
        self.size, self.touched = size, touched
        self.state, self.verified, self.problem = State.PRESENT, None, None
