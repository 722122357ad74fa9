"""Statements about SBOMs, documents that name packages, and about these packages."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Rows, Scalars
from cachedb.records import NamedTuple


class FoundRow(NamedTuple):
    """A package that an SBOM names in a blob; `vkey` sorts as its version does."""

    blob_id: int
    name: str
    version: str
    type: str
    license: str
    purl: str
    vkey: str
    id: int


class CoverageRow(NamedTuple):
    """Number of refs of images, and of those that contain no known package.

    `unreadable` counts the SBOMs that were not read, or only in part.
    """

    refs: int
    """Number of refs of images."""
    without: int
    """Number of those that contain no known package."""
    unreadable: int


UNREAD: Final = Scalars("sboms.unread", int)
"""The id of one document that was not read yet, if there is one."""
PACKAGES: Final = Rows("sboms.packages", FoundRow)
"""The packages found in each of `targets`, each once, by name, version and id."""
COVERAGE: Final = Rows("sboms.coverage", CoverageRow)
"""Coverage of the cache by SBOMs, in one row. Refs of artifacts do not count."""
