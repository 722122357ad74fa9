"""Statements on properties of documents: annotations, configs, labels, environment."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Insert, Rows, Write
from cachedb.records import NamedTuple


class PlatformRow(NamedTuple):
    """A platform, normalised."""

    id: int
    os: str
    architecture: str
    variant: str
    os_version: str


PLATFORMS: Final = Rows("documents.platforms", PlatformRow)
"""Every platform."""
INSERT_PLATFORM: Final = Insert(
    "documents.insert_platform", "os", "architecture", "variant", "os_version"
)
"""Insert a platform, which gets the next id."""
INSERT_ANNOTATIONS: Final = Insert("documents.insert_annotations", "blob_id", "key", "value")
INSERT_CONFIGS: Final = Insert(
    "documents.insert_configs", "blob_id", "created", "author", "user", "working_dir",
    "entrypoint", "cmd",
)  # fmt: skip
INSERT_LABELS: Final = Insert("documents.insert_labels", "blob_id", "key", "value")
INSERT_ENV: Final = Insert("documents.insert_env", "blob_id", "key", "value")
DELETE_ANNOTATIONS: Final = Write("documents.delete_annotations")
"""Delete the annotations of the documents `ids`; the others delete the rows of their name."""
DELETE_CONFIGS: Final = Write("documents.delete_configs")
DELETE_LABELS: Final = Write("documents.delete_labels")
DELETE_ENV: Final = Write("documents.delete_env")
