"""Tab completion: names and digests from the catalog, without waking the rest of the program."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from cachedb.cli.folders import cache_folder

_LEAST = 7


def names(context: typer.Context, incomplete: str) -> list[str]:
    """Complete a name; what looks like a digest is completed as one."""
    from cachedb.catalog import hot

    catalog = _catalog(context)
    if incomplete.startswith("sha256:") and len(incomplete) >= _LEAST:
        return hot.starting_with(catalog, hot.DIGESTS, incomplete)
    return hot.starting_with(catalog, hot.NAMES, incomplete)


def _catalog(context: typer.Context) -> Path:
    given = context.params.get("cache") or os.environ.get("CACHEDB_CACHE")
    return cache_folder(Path(given) if given else None) / ".cachedb" / "index.db"
