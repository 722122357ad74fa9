"""Place of the catalog of a cache: a file in its private folder, or a schema in a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cachedb.catalog.connect import Catalog
from cachedb.records import Record

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path


class CatalogPlace(Protocol):
    """Location of the catalog of a cache, whether or not it can be opened."""

    @property
    def shown(self) -> str:
        """Return the place for messages: without secrets."""

    def exists(self) -> bool:
        """Return whether there is a catalog.

        Raises:
            PermissionError: The file may not be looked for.
            StorageFailed: The server cannot be reached.
        """

    def open(self) -> Catalog:
        """Open the catalog, which is made or upgraded when it has to be; raises as it does."""

    def open_read_only(self) -> Catalog:
        """Open a catalog that must not be written; raises as `Catalog.open_read_only` does."""

    def replacing(self) -> AbstractContextManager[Catalog]:
        """Build a catalog beside the one here, which it replaces when the block ends well.

        The one before is kept, with `.bak` behind its name. The caller holds `gc.lock`.
        """


class CatalogFile(Record):
    """Catalog in a file of SQLite."""

    path: Path

    @property
    def shown(self) -> str:
        """Return the path of the file in the layout."""
        return f".cachedb/{self.path.name}"

    def exists(self) -> bool:
        """Return whether there is a file, or a link in its place."""
        return self.path.is_symlink() or self.path.exists()

    def open(self) -> Catalog:
        """Open the file, as `Catalog.open` does."""
        return Catalog.open(self.path)

    def open_read_only(self) -> Catalog:
        """Open the file, as `Catalog.open_read_only` does."""
        return Catalog.open_read_only(self.path)

    def replacing(self) -> AbstractContextManager[Catalog]:
        """Build another file, which replaces this one: `replacement.replacing`."""
        from cachedb.catalog.replacement import replacing  # noqa: PLC0415  (for a rebuild only)

        return replacing(self.path)
