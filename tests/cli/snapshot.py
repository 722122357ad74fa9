"""Snapshot of the files below a directory, to compare before and after."""

import os
import stat
from pathlib import Path

# Made by a command that opens a cache to write: locks, and the catalog, which is derived.
_COMES_AND_GOES = {".lock", "gc.lock", "stage.lock", "index.db", "index.db-journal"}


def of(root: Path) -> dict[str, tuple[int, bytes]]:
    """Return every file below a folder, with its mode and its bytes."""
    found = {}
    for folder, below, names in os.walk(root):
        if folder.endswith(".cachedb") and "ingest" in below:
            below.remove("ingest")  # what has arrived is kept for the next attempt, until a gc
        for name in names:
            path = Path(folder, name)
            if name in _COMES_AND_GOES:
                continue
            mode = path.lstat().st_mode
            found[str(path.relative_to(root))] = (
                mode,
                path.read_bytes() if stat.S_ISREG(mode) else b"",
            )
    return found
