"""Golden files: what a reviewer has read, compared with what comes out now.

`CACHEDB_GOLDEN=rewrite` writes them anew; the difference is for the reviewer.
"""

import os
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "golden"


def compare(name: str, found: str) -> None:
    """Compare with a golden file, or write it."""
    path = FOLDER / name
    if os.environ.get("CACHEDB_GOLDEN") == "rewrite":
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")
