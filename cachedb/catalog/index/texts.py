"""Normalised texts of the index: labels, annotations and fields of configurations."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import ItemsView, Mapping


def without_nul(text: str) -> str:
    """Replace U+0000 by U+FFFD: SQLite's operators end a text at it, PostgreSQL refuses it."""
    return text.replace("\0", "\ufffd")


def pairs(found: Mapping[str, str]) -> ItemsView[str, str]:
    """Return labels or annotations as they are indexed."""
    if any("\0" in key or "\0" in value for key, value in found.items()):
        found = {without_nul(key): without_nul(value) for key, value in found.items()}
    return found.items()
