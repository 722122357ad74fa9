"""Where the cache is, when nobody says so."""

from __future__ import annotations

from pathlib import Path


def cache_folder(given: Path | None) -> Path:
    """Return where the cache is: as given, else the user's cache folder."""
    if given is not None:
        return given
    from platformdirs import user_cache_path

    return user_cache_path("cachedb") / "layout"
