"""Statements about declarations of documents, and about false ones."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Rows
from cachedb.records import NamedTuple


class FaultRow(NamedTuple):
    """A blob that a manifest needs and that is missing, corrupt or absent."""

    parent_id: int
    digest: str
    state: int


class MisdeclaredRow(NamedTuple):
    """A document, a blob that is present, and the other size that the document declares for it."""

    parent_id: int
    parent_digest: str
    """Digest of the document."""
    digest: str
    size: int
    declared: int
    """Size that the document declares, in bytes."""


class MisdeclaredRefRow(NamedTuple):
    """A ref whose target is present and has another size than index.json declares."""

    id: int
    name: str | None
    digest: str
    size: int
    declared: int
    """Size that index.json declares, in bytes."""


class ProblemRow(NamedTuple):
    """A document, and the reason why it cannot be read or is not valid."""

    id: int
    problem: str


FAULTS: Final = Rows("validation.faults", FaultRow)
"""The faulty config and layers of each of `parents`, by parent, role and place."""
MISDECLARED: Final = Rows("validation.misdeclared", MisdeclaredRow)
"""The sizes that each of `parents` declares wrongly, by parent and place."""
MISDECLARED_REFERENCED: Final = Rows("validation.misdeclared_referenced", MisdeclaredRow)
"""The sizes that any document that a ref reaches declares wrongly, by document and place."""
MISDECLARED_REFS: Final = Rows("validation.misdeclared_refs", MisdeclaredRefRow)
"""The sizes that index.json declares wrongly, in its order."""
MISDECLARED_REFS_OF: Final = Rows("validation.misdeclared_refs_of", MisdeclaredRefRow)
"""The sizes that index.json declares wrongly for `targets`, in its order."""
CONFIG_PROBLEMS: Final = Rows("validation.config_problems", ProblemRow)
"""The problems of the configs of `parents`, by manifest."""
PROBLEMS: Final = Rows("validation.problems", ProblemRow)
"""The problems of `targets`."""
