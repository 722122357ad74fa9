"""The copy of index.json that the catalog keeps, for a day when another tool has torn the file.

It is written with the rows that stand for it, so it is as old as the last command that saw the
file change, and never half of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog import state
from cachedb.catalog.connect import Catalog
from cachedb.catalog.enums import NAMES
from cachedb.errors import CatalogMismatch, InvalidManifest, SchemaTooNew, StorageFailed
from cachedb.layout import IndexJson

if TYPE_CHECKING:
    from pathlib import Path

    from cachedb.catalog.executor import Connection


def keep(connection: Connection, index: IndexJson) -> None:
    """Make `index` the copy, in the transaction of the caller."""
    state.remember(connection, NAMES, index.encode().decode())


def find(path: Path) -> IndexJson | None:
    """Return the copy in the catalog at `path`; None if there is none that can be read."""
    try:
        catalog = Catalog.open_read_only(path)
        try:
            with catalog.reading() as connection:
                copy = state.recall(connection, NAMES)
        finally:
            catalog.close()
        return None if copy is None else IndexJson.parse(copy.encode())
    except (CatalogMismatch, InvalidManifest, SchemaTooNew, StorageFailed):
        return None
