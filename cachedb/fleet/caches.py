"""Fleet: the caches whose catalogs are in one PostgreSQL database, asked together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from cachedb.closing import Closing
from cachedb.operations.sync import open_catalog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.catalog.server.fleet_catalog import FleetCatalog, Members
    from cachedb.catalog.statements.index.file_entries import FilesCoverageRow
    from cachedb.operations.fleet.members import FleetMember
    from cachedb.operations.fleet.survey import FleetReport, FleetTotals, FleetUsage
    from cachedb.operations.read.misspelled_values import Correction
    from cachedb.operations.read.run_query import QueryResult
    from cachedb.query.syntax.tree import Query


class Fleet(Closing):
    """The caches of a database, asked together; a context manager.

    A cache is a member if its catalog is in the database, or if its host publishes a copy there.
    Every method reads one state of all catalogs. `only` and `without` choose members by their
    names, or by globs of them.
    """

    def __init__(self, catalog: FleetCatalog) -> None:
        self._catalog = catalog

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the fleet in the database of a URL; `?cache=NAME` in it has no meaning here.

        Raises:
            InvalidInput: The URL is malformed, or the driver is not installed.
        """
        open_catalog.server_catalogs()
        from cachedb.catalog.server.address import ServerAddress
        from cachedb.catalog.server.fleet_catalog import FleetCatalog

        return cls(FleetCatalog(ServerAddress.parse(url)))

    def close(self) -> None:
        """Close the connections."""
        self._catalog.close()

    def members(self) -> Sequence[FleetMember]:
        """List the caches of the fleet by name, also those of another version.

        Raises:
            StorageFailed: The server cannot be reached, or refuses the user.
        """
        from cachedb.operations.fleet import members

        return members.members(self._catalog)

    def remove(self, name: str) -> None:
        """Remove the copy of the catalog of a cache; the cache itself stays as it is.

        Raises:
            NotFound: There is no such cache in the database.
            InvalidInput: It is the catalog of a cache and not a copy.
        """
        from cachedb.operations.fleet import members

        members.remove(self._catalog.address, name)

    def query(
        self,
        query: Query | str,
        /,
        *,
        only: Sequence[str] = (),
        without: Sequence[str] = (),
        **params: str,
    ) -> QueryResult:
        """Run a query over the rows of all members, which have the field `cache`.

        Raises:
            QueryError: The query has a syntax error or a type error.
            LimitExceeded: The query takes longer than ``CACHEDB_LIMIT_QUERY_SECONDS``.
            NotFound: There is no such member.
        """
        from cachedb.operations.fleet import query as fleet_query
        from cachedb.query.syntax.parser import parse

        asked = parse(query, params=params) if isinstance(query, str) else query
        return fleet_query.run(self._catalog, asked, _members(only, without))

    def files_coverage(
        self, query: Query, *, only: Sequence[str] = (), without: Sequence[str] = ()
    ) -> FilesCoverageRow | None:
        """Count refs without indexed files for a query of files; None for any other query.

        Raises as `query` does.
        """
        from cachedb.operations.fleet import query as fleet_query

        return fleet_query.files_coverage(self._catalog, query, _members(only, without))

    def correct_values(
        self, query: Query, *, only: Sequence[str] = (), without: Sequence[str] = ()
    ) -> Correction | None:
        """Replace values of a query that no member knows by near ones; None if there are none.

        Raises as `query` does.
        """
        from cachedb.operations.fleet import query as fleet_query

        return fleet_query.correct_values(self._catalog, query, _members(only, without))

    def usage(
        self, *, only: Sequence[str] = (), without: Sequence[str] = ()
    ) -> tuple[Sequence[FleetUsage], FleetTotals]:
        """Measure the blobs of each member, and of all: for every holder, and once."""
        from cachedb.operations.fleet import survey

        return survey.usage(self._catalog, _members(only, without))

    def report(self, *, only: Sequence[str] = (), without: Sequence[str] = ()) -> FleetReport:
        """Compile the report on the members."""
        from cachedb.operations.fleet import survey

        return survey.report(self._catalog, _members(only, without))


def _members(only: Sequence[str], without: Sequence[str]) -> Members:
    from cachedb.catalog.server.fleet_catalog import Members

    return Members(only=tuple(only), without=tuple(without))
