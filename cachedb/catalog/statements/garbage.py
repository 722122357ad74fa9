"""Statements of garbage collection and retention: reachable and unreferenced blobs.

`without` is a list of ids of refs that count as removed, `[]` for none.
"""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Rows, Scalars
from cachedb.catalog.statements.blobs import DigestRow
from cachedb.records import NamedTuple


class UnreachableRow(NamedTuple):
    """A blob with a file; `touched` is the time of its last change, in nanoseconds since 1970."""

    id: int
    digest: str
    size: int
    kind: int
    touched: int | None


class UnreadableDocumentRow(NamedTuple):
    """A document that cannot be read as a whole."""

    digest: str
    problem: str | None
    state: int


class DocumentRow(NamedTuple):
    """A document with a file; `touched` is its last change, in nanoseconds since 1970."""

    digest: str
    size: int
    touched: int | None


class KeptRow(NamedTuple):
    """A blob with a file, and the first of the names of refs that reach it."""

    digest: str
    size: int
    kind: int
    name: str | None


class RetainedRef(NamedTuple):
    """A ref with the parts of its name and its times, in microseconds since 1970."""

    id: int
    registry: str | None
    repo: str | None
    tag: str | None
    added: int
    pulled: int | None
    used: int | None


class ArtifactRow(NamedTuple):
    """An artifact and the subject that it refers to."""

    artifact_id: int
    """Id of the artifact."""
    subject_id: int
    """Id of its subject."""


class CreatedRow(NamedTuple):
    """A config and the creation time of its image, in microseconds since 1970."""

    blob_id: int
    created: int


UNREACHABLE: Final = Rows("garbage.unreachable", UnreachableRow)
"""The blobs with a file that no ref besides `without` reaches, by digest."""
UNREADABLE: Final = Rows("garbage.unreadable", UnreadableDocumentRow)
"""The documents that refs besides `without` reach and that cannot be read, by id.

A missing target of a ref is one of them: no hash protects index.json, and a damaged digest in it
has the same effect.
"""
REACHABLE: Final = Scalars("garbage.reachable", str)
"""The digests of all blobs that refs besides `without` reach."""
DOCUMENTS: Final = Rows("garbage.documents", DocumentRow)
"""All documents with a file."""
KEPT: Final = Rows("garbage.kept", KeptRow)
"""The blobs with a file that refs reach, by digest."""
KEPT_BESIDES: Final = Rows("garbage.kept_besides", KeptRow)
"""The blobs with a file that both `refs` and another ref reach, with its name, by digest."""
EXCLUSIVE: Final = Scalars("garbage.exclusive", str)
"""The digests that no ref would keep if `refs` were removed."""
LEASED: Final = Rows("garbage.leased", DigestRow)
"""The blobs of `digests` with their content."""
RETAINED: Final = Rows("garbage.retained", RetainedRef)
"""All refs, in the order of index.json."""
ARTIFACTS: Final = Rows("garbage.artifacts", ArtifactRow)
"""All artifacts with a subject."""
CREATED: Final = Rows("garbage.created", CreatedRow)
"""All configs with a time."""
