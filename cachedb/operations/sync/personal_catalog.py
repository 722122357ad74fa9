"""Personal catalog: a user's catalog of a layout that only other users may write.

It is in ``$XDG_CACHE_HOME/cachedb/catalogs``, one file per layout, and can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachedb.layout import Layout

_FOLDER = "catalogs"


def path_of(layout: Layout) -> Path | None:
    """Return the path of the catalog of a layout; None if this user has no directory for it.

    The directory is created with mode 0700. One that belongs to another user, or that other users
    can write, is not used.
    """
    try:
        folder = _cache_directory() / _FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except (OSError, RuntimeError):
        return None
    is_private = not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or not is_private:
        return None
    key = hashlib.sha256(os.fsencode(os.path.realpath(layout.root))).hexdigest()
    return folder / f"{key[:32]}.db"


def _cache_directory() -> Path:
    given = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):
        return Path(given) / "cachedb"
    from platformdirs import user_cache_path  # noqa: PLC0415  (takes milliseconds)

    return user_cache_path("cachedb")
