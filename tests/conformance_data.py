"""Recorded behaviour, vectors and hostile inputs: where they are and how to load them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parent.parent.parent / "shared" / "conformance"
_REASON = "this clone stands alone: there is no ../shared/conformance beside it"


def root() -> Path:
    """Return the folder; without it skip the test, or fail when CI has to have it."""
    if not _ROOT.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(_REASON)
        pytest.skip(_REASON)
    return _ROOT


def is_here() -> bool:
    """Whether the folder is there; in CI a missing one counts as there, so that tests fail."""
    return _ROOT.is_dir() or os.environ.get("CI") == "true"


def vectors(topic: str) -> dict[str, Any]:
    """Return one table of vectors."""
    found: dict[str, Any] = json.loads((root() / "vectors" / f"{topic}.json").read_text())
    return found


def cases(topic: str, *categories: str) -> list[Any]:
    """Return the rows of a table as pytest parameters; none where the folder is missing."""
    if not is_here():
        return []
    rows = vectors(topic)["cases"]
    return [
        pytest.param(row, id=row["id"])
        for row in rows
        if not categories or row["category"] in categories
    ]
