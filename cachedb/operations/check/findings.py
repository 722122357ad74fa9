"""Findings: what `doctor` can say of a cache, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is; a note is no fault."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Code(StrEnum):
    """What was found; a program can rely on these words."""

    MARKER_MISSING = "marker-missing"
    MARKER_INVALID = "marker-invalid"
    NAMES_UNREADABLE = "names-unreadable"
    NAME_UNREADABLE = "name-unreadable"
    BLOB_MISSING = "blob-missing"
    BLOB_CORRUPT = "blob-corrupt"
    DOCUMENT_INVALID = "document-invalid"
    SIZE_MISDECLARED = "size-misdeclared"
    BLOB_CHANGED = "blob-changed"
    IMAGE_PARTIAL = "image-partial"
    CATALOG_MISSING = "catalog-missing"
    CATALOG_UNUSABLE = "catalog-unusable"
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
    LEFTOVER = "leftover"
    LEFTOVER_IN_USE = "leftover-in-use"
    STRAY = "stray"
    SPACE_LOW = "space-low"
    VOLUME_REMOTE = "volume-remote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found: `path` is inside the layout, `names` are the images it takes."""

    code: Code
    level: Level
    path: str
    detail: str
    names: tuple[str | None, ...] = ()
    hint: str | None = None


def error(code: Code, path: str, detail: str, hint: str | None = None) -> Finding:
    """Make a finding that has to be seen to."""
    return Finding(code=code, level=Level.ERROR, path=path, detail=detail, hint=hint)


def warning(code: Code, path: str, detail: str, hint: str | None = None) -> Finding:
    """Make a finding that can wait."""
    return Finding(code=code, level=Level.WARNING, path=path, detail=detail, hint=hint)


def note(code: Code, path: str, detail: str, hint: str | None = None) -> Finding:
    """Make a finding that is no fault."""
    return Finding(code=code, level=Level.NOTE, path=path, detail=detail, hint=hint)
