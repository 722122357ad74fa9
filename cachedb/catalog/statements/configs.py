"""Statements about image configurations."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Rows
from cachedb.records import NamedTuple


class ConfigRow(NamedTuple):
    """Run configuration of an image; `created` in microseconds, lists joined by one space."""

    blob_id: int
    digest: str
    created: int | None
    author: str
    user: str
    working_dir: str
    entrypoint: str
    cmd: str


class PairRow(NamedTuple):
    """A key with its value."""

    key: str
    value: str


OF_MANIFEST: Final = Rows("configs.of_manifest", ConfigRow)
"""The configuration that the manifest `blob_id` names."""
ENV: Final = Rows("configs.env", PairRow)
"""The environment variables of the configuration `blob_id`, by key."""
LABELS: Final = Rows("configs.labels", PairRow)
"""The labels of the configuration `blob_id`, by key."""
