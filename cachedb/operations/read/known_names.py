"""Names of a catalog, for the rewriting of queries in error messages."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from cachedb.errors import QueryError
from cachedb.operations.read import run_query
from cachedb.query.syntax import quoting
from cachedb.query.syntax.parser import parse

if TYPE_CHECKING:
    from cachedb.catalog.connect import Catalog


class CatalogNames:
    """Lookup of references and digest prefixes in a catalog; costs a query each."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def matches(self, selector: str) -> bool:
        """Return whether a reference or a digest prefix selects anything."""
        return any(
            self._rows(f"{noun} {_present(selector)} limit 1") for noun in ("refs", "blobs")
        )

    def are_matched(self, query: str) -> bool:
        """Return whether every name in a valid query selects something."""
        return run_query.are_names_matched(self._catalog, parse(query))

    def created(self, reference: str) -> datetime | None:
        """Return the creation time of the image, the latest if there are several."""
        rows = self._rows(f"refs {_present(reference)} show created sort -created limit 1")
        return next((row[0] for row in rows if isinstance(row[0], datetime)), None)

    def _rows(self, query: str) -> tuple[tuple[object, ...], ...]:
        try:
            return run_query.run_query(self._catalog, parse(query)).rows
        except QueryError:
            return ()


def _present(selector: str) -> str:
    """Write a reference that may match nothing, which is then no error."""
    return f"present({quoting.selector(selector)})"
