"""Queries in the query language over the caches of a fleet: one statement, one snapshot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cachedb.catalog.query_limits import limited
from cachedb.catalog.server.fleet_catalog import ALL
from cachedb.catalog.statements import refs
from cachedb.catalog.statements.index import file_entries
from cachedb.catalog.statements.index.file_entries import FilesCoverageRow
from cachedb.errors import QueryError
from cachedb.operations.read import misspelled_values, run_query
from cachedb.query import plan_cache
from cachedb.query.fleet_statement import spread
from cachedb.query.semantics import linear_regex
from cachedb.query.semantics.check import check_fleet
from cachedb.query.semantics.unmatched_selectors import unmatched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.catalog.server.fleet_catalog import FleetCatalog, FleetConnection, Members
    from cachedb.catalog.statement import Scalars
    from cachedb.operations.read.misspelled_values import Correction
    from cachedb.operations.read.run_query import QueryResult
    from cachedb.query.semantics.typed import CheckedQuery, SplitEntry
    from cachedb.query.statement import CompiledStatement
    from cachedb.query.syntax.tree import Query


def run(
    catalog: FleetCatalog, query: Query, members: Members = ALL, now: datetime | None = None
) -> QueryResult:
    """Run a query over the rows of all members; ages in it count from `now`.

    Rows have the field `cache`, the name of their cache. The graph of each cache is its own: a
    blob that two caches hold is two rows. Order, page, groups and ranks are those of all rows.

    Raises:
        QueryError: The query is not valid, or a bare word in it has no match in any cache.
        LimitExceeded: The query takes longer than the limit `query seconds`.
        NotFound: There is no such member.
        CatalogMismatch: The catalog of a member is of another version, as SchemaTooNew.
    """
    try:
        checked = check_fleet(query, now=now or datetime.now(UTC))
    except QueryError as error:
        raise _with_suggestion(error, query) from error.__cause__
    with limited(catalog.reading(members), linear_regex.register) as connection:
        return run_query.result_of(checked, _rows(connection, checked))  # type: ignore[arg-type]


def files_coverage(
    catalog: FleetCatalog, query: Query, members: Members = ALL
) -> FilesCoverageRow | None:
    """Count refs of all members without indexed files for a query of files; else None.

    A statement for each member.

    Raises:
        QueryError: The query is not valid.
        NotFound: There is no such member.
    """
    try:
        if not check_fleet(query, now=datetime.now(UTC)).reads_files:
            return None
    except QueryError as error:
        raise _with_suggestion(error, query) from error.__cause__
    refs_of_all = without = 0
    with catalog.reading(members) as connection:
        for name in connection.caches:
            connection.enter(name)
            for row in connection.each(file_entries.COVERAGE):
                refs_of_all, without = refs_of_all + row.refs, without + row.without
    return FilesCoverageRow(refs_of_all, without)


def correct_values(
    catalog: FleetCatalog, query: Query, members: Members = ALL
) -> Correction | None:
    """Replace values that no member knows by near ones of a member; None if there are none.

    Costs the lookups of `misspelled_values.correct` for each member.

    Raises:
        QueryError: The query is not valid.
        NotFound: There is no such member.
    """
    try:
        condition = check_fleet(query, now=datetime.now(UTC)).condition
    except QueryError as error:
        raise _with_suggestion(error, query) from error.__cause__
    with catalog.reading(members) as connection:
        return misspelled_values.corrected(query, condition, _ValuesOfMembers(connection))


class _ValuesOfMembers:
    """The values that at least one member has."""

    def __init__(self, connection: FleetConnection) -> None:
        self._connection = connection

    def values(self, statement: Scalars[Any], /, **values: Any) -> list[Any]:
        """Return the rows of each member in turn, each value once."""
        found: dict[Any, None] = {}
        for name in self._connection.caches:
            self._connection.enter(name)
            found |= dict.fromkeys(self._connection.values(statement, **values))
        return list(found)


def _rows(connection: FleetConnection, checked: CheckedQuery) -> Sequence[Any]:
    split = _split_entries(connection)
    checked = checked.with_split_images([one for each in split.values() for one in each])
    values = {name: checked.values_in(name, split.get(name, ())) for name in connection.caches}

    def execute(statement: CompiledStatement) -> list[Any]:
        return list(connection.run(*spread(statement, values, checked.values)))

    compiled = plan_cache.compile_fleet(checked)
    for selector, statement in zip(checked.selectors(), compiled.selectors, strict=True):
        ((matches,),) = execute(statement)
        if not matches:
            error = unmatched(selector, checked, _ValuesOfMembers(connection).values(refs.NAMES))
            raise _with_suggestion(error, checked.query)
    return execute(compiled.statement)


def _with_suggestion(error: QueryError, query: Query) -> QueryError:
    from cachedb.query.tools.rewrite.suggest import with_suggestion  # noqa: PLC0415  (only for errors)

    return with_suggestion(error, query.noun)


def _split_entries(connection: FleetConnection) -> dict[str, list[SplitEntry]]:
    """Return the entries of images without an index, of the caches that have some."""
    found = {}
    for name in connection.with_shared_names():
        connection.enter(name)
        found[name] = run_query.split_entries(connection)
    return {name: entries for name, entries in found.items() if entries}
