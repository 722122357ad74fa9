"""Copy of index.json in the catalog, from which a torn file can be restored.

`read_names` writes it in the transaction that derives the refs, so it has the state of the last
command that detected a change, and is never incomplete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog import state
from cachedb.catalog.enums import NAMES
from cachedb.errors import CatalogMismatch, InvalidManifest, SchemaTooNew, StorageFailed
from cachedb.layout.index_json import IndexJson

if TYPE_CHECKING:
    from cachedb.catalog.place import CatalogPlace


def find(place: CatalogPlace) -> IndexJson | None:
    """Return the copy in a catalog; None if there is none that can be read."""
    try:
        catalog = place.open_read_only()
        try:
            with catalog.reading() as connection:
                copy = state.read(connection, NAMES)
        finally:
            catalog.close()
        return None if copy is None else IndexJson.parse(copy.encode())
    except (CatalogMismatch, InvalidManifest, SchemaTooNew, StorageFailed):
        return None
