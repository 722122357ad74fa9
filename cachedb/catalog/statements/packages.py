"""Statements about packages, which SBOMs name."""

from __future__ import annotations

from typing import Final, NamedTuple

from cachedb.catalog.statement import Rows


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


FOUND: Final = Rows("packages.found", FoundRow)
"""The packages found in each of `targets`, each once, by name, version and id."""
