"""Findings of `doctor`: levels, codes and their texts."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from cachedb.records import Record


class Level(StrEnum):
    """Severity of a finding; a note is not a fault."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Code(StrEnum):
    """Code of a finding; the values are part of the output."""

    MARKER_MISSING = "marker-missing"
    MARKER_INVALID = "marker-invalid"
    BLOBS_UNREACHABLE = "blobs-unreachable"
    ALGORITHM_UNCOMMON = "algorithm-uncommon"
    NAMES_UNREADABLE = "names-unreadable"
    NAME_UNREADABLE = "name-unreadable"
    BLOB_MISSING = "blob-missing"
    BLOB_CORRUPT = "blob-corrupt"
    DOCUMENT_INVALID = "document-invalid"
    SBOM_UNREADABLE = "sbom-unreadable"
    SIZE_MISDECLARED = "size-misdeclared"
    BLOB_CHANGED = "blob-changed"
    IMAGE_PARTIAL = "image-partial"
    CATALOG_MISSING = "catalog-missing"
    CATALOG_UNREADABLE = "catalog-unreadable"
    CATALOG_UNREACHABLE = "catalog-unreachable"
    CATALOG_UNUSABLE = "catalog-unusable"
    CATALOG_SERVER = "catalog-server"
    CATALOG_BEHIND = "catalog-behind"
    CATALOG_WRONG = "catalog-wrong"
    CATALOG_DAMAGED = "catalog-damaged"
    LOCK_HELD = "lock-held"
    EXPOSED = "exposed"
    STAGE_STALE = "stage-stale"
    STAGE_ACTIVE = "stage-active"
    SWEEP_UNFINISHED = "sweep-unfinished"
    TRASH = "trash"
    LEASE_DEAD = "lease-dead"
    LEASE_HELD = "lease-held"
    LEASE_OVERLONG = "lease-overlong"
    LEFTOVER = "leftover"
    LEFTOVER_IN_USE = "leftover-in-use"
    STRAY = "stray"
    SPACE_LOW = "space-low"
    VOLUME_REMOTE = "volume-remote"


LEFT_BY_KILLED: Final = frozenset(
    {Code.STAGE_STALE, Code.LEASE_DEAD, Code.SWEEP_UNFINISHED, Code.LEFTOVER}
)
"""Codes of leftovers of killed operations; with the level note, the next writer clears them."""


class Finding(Record):
    """One finding: its `path` in the layout, and the `names` of the images that it affects."""

    code: Code
    level: Level
    path: str
    detail: str
    """Fault, as text for users."""
    names: tuple[str | None, ...] = ()
    hint: str | None = None
    """Command that mends it; None if none does."""


def error(code: Code, path: str, detail: str, hint: str | None = None) -> Finding:
    """Return a finding that needs action."""
    return Finding(code=code, level=Level.ERROR, path=path, detail=detail, hint=hint)


def warning(code: Code, path: str, detail: str, hint: str | None = None) -> Finding:
    """Return a finding that other tools, or a later command, may fail on."""
    return Finding(code=code, level=Level.WARNING, path=path, detail=detail, hint=hint)


def note(code: Code, path: str, detail: str, hint: str | None = None) -> Finding:
    """Return a finding that is not a fault."""
    return Finding(code=code, level=Level.NOTE, path=path, detail=detail, hint=hint)
