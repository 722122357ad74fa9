"""Default directory of the cache."""

from __future__ import annotations

from pathlib import Path


def cache_folder(given: Path | None) -> Path:
    """Return the directory given, else ``layout`` in the user's cache directory of cachedb."""
    if given is not None:
        return given
    from platformdirs import user_cache_path

    return user_cache_path("cachedb") / "layout"
