"""Statements about platforms, which links and blobs refer to by id."""

from __future__ import annotations

from typing import Final, NamedTuple

from cachedb.catalog.statement import Rows


class PlatformRow(NamedTuple):
    """A normalised platform; '' stands for a part that it does not have."""

    id: int
    os: str
    architecture: str
    variant: str
    os_version: str


OF_IDS: Final = Rows("platforms.of_ids", PlatformRow)
"""The platforms of `ids`, in no order."""
