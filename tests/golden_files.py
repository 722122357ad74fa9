"""Golden files: expected output that a reviewer has read.

``make golden`` rewrites them; the diff is reviewed before the commit.
"""

import os
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "golden"
_IS_REWRITING = os.environ.get("GOLDEN") == "rewrite"


def check(name: str, actual: str, folder: Path = FOLDER) -> None:
    """Compare with a golden file, or rewrite it."""
    path = folder / name
    if _IS_REWRITING:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(actual)
    expected = path.read_text() if path.exists() else ""
    assert actual == expected, f"{path.name} differs: read it, and run `make golden`"
