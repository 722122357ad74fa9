"""Statements on repositories that have been seen to hold blobs."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Rows, Scalars, Write
from cachedb.records import NamedTuple


class SourceRow(NamedTuple):
    """A repository, with its registry, that held a blob at a time in microseconds."""

    digest: str
    repository: str
    seen: int


IN_REGISTRY: Final = Rows("repositories.in_registry", SourceRow)
"""The repositories whose name is from `low` up to `high` that hold `digests`, last seen last."""
KNOWN_IN: Final = Scalars("repositories.known_in", str)
"""Those of `digests` that the `repository` holds."""
RECORD: Final = Write("repositories.record")
"""Insert that the `repository` holds those of `digests` that have a row, seen at `now`."""
FORGET: Final = Write("repositories.forget")
"""Delete that the `repository` holds `digests`."""
FORGET_BLOBS: Final = Write("repositories.forget_blobs")
"""Delete all rows of the blobs `ids`."""
