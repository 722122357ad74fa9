"""Queries in the query language, run on the catalog of a cache."""

from __future__ import annotations

from collections import namedtuple
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cachedb.catalog.query_limits import limited
from cachedb.catalog.statements import refs
from cachedb.catalog.statements.index import file_entries
from cachedb.errors import QueryError
from cachedb.operations.read import resolve
from cachedb.query import exchange, plan_cache
from cachedb.query.results import OutputColumn
from cachedb.query.semantics import linear_regex
from cachedb.query.semantics.check import check
from cachedb.query.semantics.typed import SplitEntry
from cachedb.query.semantics.unmatched_selectors import unmatched
from cachedb.query.syntax import quoting
from cachedb.query.syntax.parser import parse
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statements.index.file_entries import FilesCoverageRow
    from cachedb.query.semantics.typed import CheckedQuery, SelectorTest
    from cachedb.query.statement import CompiledQuery, CompiledStatement
    from cachedb.query.syntax.tree import Query
    from cachedb.query.tools.explain import Explanation, SetCost


class QueryResult(Record):
    """The rows of a query, in its order, and their columns."""

    columns: tuple[OutputColumn, ...]
    rows: tuple[Any, ...]
    """Named tuples: a field for each column, dots as underscores; digests, datetimes, numbers."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> Any:
        return self.rows[place]

    def __repr__(self) -> str:
        names = ", ".join(column.name for column in self.columns)
        return f"<QueryResult: {len(self.rows):,} rows of {names}>"

    def _repr_html_(self) -> str:
        """Return the first rows as a table, for notebooks."""
        return exchange.html(self.columns, self.rows)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return a dictionary for each row, whose keys are the names of the columns."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]

    def to_columns(self) -> dict[str, list[Any]]:
        """Return a list for each column, as `pandas.DataFrame` and `polars.DataFrame` take.

        Values are str, int and datetime with its zone, or None.
        """
        return exchange.columns(self.columns, self.rows)

    def to_arrow(self) -> Any:
        """Return a `pyarrow.Table`: sizes and numbers are int64, times timestamps in UTC.

        Raises:
            ImportError: pyarrow is not installed.
        """
        return exchange.arrow(self.columns, self.rows)


class ExplainedQuery(Record):
    """The meaning of a query and its query plan; the costs of its sets if it was run."""

    query: Explanation
    plan: tuple[str, ...]
    indexes: tuple[str, ...]
    """Indexes of the database that the plan uses, each once."""
    costs: tuple[SetCost, ...] = ()
    """Cost of each set, and last that of the whole query."""


def run_query(catalog: Catalog, query: Query, now: datetime | None = None) -> QueryResult:
    """Run a query; ages in it count from `now`.

    Raises:
        QueryError: The query is not valid, or a bare word in it has no match.
        LimitExceeded: The query takes longer than the limit `query seconds`.
    """
    checked = checked_query(catalog, query, now)
    return result_of(checked, _selected(catalog, checked, plan_cache.compile_rows))


def select_ids(catalog: Catalog, query: Query, now: datetime | None = None) -> tuple[int, ...]:
    """Return the row ids that a query selects, in its order if it has one.

    Raises:
        QueryError: The query is not valid, or groups its rows, or a bare word has no match.
        LimitExceeded: The query takes longer than the limit `query seconds`.
    """
    checked = checked_query(catalog, query, now)
    return tuple(key for (key,) in _selected(catalog, checked, plan_cache.compile_ids))


class CatalogNames:
    """Lookup of references and digest prefixes in a catalog; costs a query each."""

    has_references = True

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def matches(self, selector: str) -> bool:
        """Return whether a reference or a digest prefix selects anything."""
        return any(
            self._rows(f"{noun} {_present(selector)} limit 1") for noun in ("refs", "blobs")
        )

    def selects(self, query: str) -> bool:
        """Return whether a query selects anything; one that is not valid does not."""
        return bool(self._rows(f"{query} limit 1"))

    def is_package(self, name: str) -> bool:
        """Return whether a package of that name was found in an SBOM."""
        return bool(self._rows(f"packages name:{quoting.value(quoting.escape(name))} limit 1"))

    def are_matched(self, query: str, noun: str) -> bool:
        """Return whether every name in a valid query, of `noun` by default, selects something."""
        return are_names_matched(self._catalog, parse(query, noun=noun))

    def created(self, reference: str) -> datetime | None:
        """Return the creation time of the image, the latest if there are several."""
        rows = self._rows(f"refs {_present(reference)} show created sort -created limit 1")
        return next((row[0] for row in rows if isinstance(row[0], datetime)), None)

    def _rows(self, query: str) -> tuple[tuple[object, ...], ...]:
        try:
            checked = check(parse(query), now=datetime.now(UTC))
            found = _run(self._catalog, checked, plan_cache.compile_rows)
        except QueryError:  # whose hint would ask for names again
            return ()
        return result_of(checked, found).rows


def _present(selector: str) -> str:
    """Write a reference that may match nothing, which is then no error."""
    return f"present({quoting.selector(selector)})"


def split_entries(connection: Connection) -> list[SplitEntry]:
    """Return the entries of every image that is one manifest a platform, without an index.

    Costs a scan of the index of names where no name has several entries.
    """
    roots = resolve.of_shared_names(connection)
    images: dict[frozenset[int], int] = {}
    found: list[SplitEntry] = []
    for image in resolve.images_of(connection, roots):
        if image.is_split:
            ids = [root.ref_id for root in image.entries if root.ref_id is not None]
            targets = frozenset(root.blob_id for root in image.roots)
            number = images.setdefault(targets, -ids[0])
            found += (SplitEntry(one, number, other) for one in ids for other in ids)
    return found


def reads_packages(catalog: Catalog, query: Query, now: datetime | None = None) -> bool:
    """Return whether the result of a query depends on packages, which SBOMs name.

    Raises:
        QueryError: The query is not valid.
    """
    return checked_query(catalog, query, now).reads_packages


def tests_indexed_refs(catalog: Catalog, query: Query) -> bool:
    """Return whether a query has the flag `indexed` of refs.

    Raises:
        QueryError: The query is not valid.
    """
    return checked_query(catalog, query, None).tests_indexed_refs


def files_coverage(catalog: Catalog, query: Query) -> FilesCoverageRow | None:
    """Count refs without indexed files for a query of files; None for any other query.

    Raises:
        QueryError: The query is not valid.
    """
    if not checked_query(catalog, query, None).reads_files:
        return None
    with catalog.reading_files() as connection:
        return connection.first(file_entries.COVERAGE)


def explain(catalog: Catalog, query: Query, now: datetime | None = None) -> ExplainedQuery:
    """Explain a query without running it."""
    checked = checked_query(catalog, query, now)
    with limited(_reading(catalog, checked), linear_regex.register) as connection:
        checked = checked.with_split_images(split_entries(connection))
        return _explained(checked, catalog.dialect, connection)


def analyze(catalog: Catalog, query: Query, now: datetime | None = None) -> ExplainedQuery:
    """Explain a query and measure the cost of each of its sets.

    Raises:
        LimitExceeded: The sets take longer than the limit `query seconds`.
    """
    from cachedb.query.tools import explain as explaining  # noqa: PLC0415  (SQLAlchemy)

    checked = checked_query(catalog, query, now)
    with limited(_reading(catalog, checked), linear_regex.register) as connection:
        execute = _Executor(connection)
        checked = checked.with_split_images(split_entries(connection))
        costs = explaining.costs(checked, catalog.dialect, execute)
        return _explained(checked, catalog.dialect, connection).replace(costs=costs)


def _reading(catalog: Catalog, checked: CheckedQuery) -> AbstractContextManager[Connection]:
    """Open a transaction for a query, with the index of files if the query reads it."""
    return catalog.reading_files() if checked.reads_files else catalog.reading()


def checked_query(catalog: Catalog, query: Query, now: datetime | None = None) -> CheckedQuery:
    """Check a query; an error has what its words may mean as its first hint.

    Raises:
        QueryError: The query is not valid.
    """
    try:
        return check(query, now=now or datetime.now(UTC))
    except QueryError as error:
        raise _with_suggestion(error, catalog, query) from error.__cause__


def _with_suggestion(error: QueryError, catalog: Catalog, query: Query) -> QueryError:
    from cachedb.query.tools.rewrite.suggest import with_suggestion  # noqa: PLC0415  (only for errors)

    return with_suggestion(error, query.noun, names=CatalogNames(catalog))


def _selected(
    catalog: Catalog,
    checked: CheckedQuery,
    compile_now: Callable[[CheckedQuery, str], CompiledQuery],
) -> Sequence[Any]:
    """Run a query; after its transaction, suggest what a bare word without a match may mean."""
    try:
        return _run(catalog, checked, compile_now)
    except QueryError as error:
        raise _with_suggestion(error, catalog, checked.query) from error.__cause__


def _run(
    catalog: Catalog,
    checked: CheckedQuery,
    compile_now: Callable[[CheckedQuery, str], CompiledQuery],
) -> Sequence[Any]:
    with limited(_reading(catalog, checked), linear_regex.register) as connection:
        checked = checked.with_split_images(split_entries(connection))
        compiled = compile_now(checked, catalog.dialect)
        execute = _Executor(connection)
        missing = next(_without_a_match(execute, checked, compiled), None)
        if missing is not None:
            raise unmatched(missing, checked, connection.values(refs.NAMES))
        return execute.run(compiled.statement, checked)


def are_names_matched(catalog: Catalog, query: Query) -> bool:
    """Return whether every bare word of a valid query selects something, without running it."""
    checked = check(query, now=datetime.now(UTC))
    with limited(_reading(catalog, checked), linear_regex.register) as connection:
        checked = checked.with_split_images(split_entries(connection))
        compiled = plan_cache.compile_rows(checked, catalog.dialect)
        return not any(True for _ in _without_a_match(_Executor(connection), checked, compiled))


def _without_a_match(
    execute: _Executor, checked: CheckedQuery, compiled: CompiledQuery
) -> Iterator[SelectorTest]:
    """Yield the bare words of a query that select nothing, in its order."""
    for selector, statement in zip(checked.selectors(), compiled.selectors, strict=True):
        ((matches,),) = execute.run(statement, checked)
        if not matches:
            yield selector


class _Executor:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __call__(self, text: str, parameters: Sequence[Any]) -> Sequence[Any]:
        return list(self._connection.run(text, tuple(parameters)))

    def run(self, statement: CompiledStatement, checked: CheckedQuery) -> Sequence[Any]:
        return self(statement.text, statement.bind(checked.values))


def result_of(checked: CheckedQuery, found: Sequence[Any]) -> QueryResult:
    """Return the rows of the database as those of a result."""
    columns = tuple(map(OutputColumn.of, checked.columns))
    # The fields are those of the query, unknown to a type checker.
    row_type: Any = namedtuple(  # type: ignore[misc]  # noqa: PYI024
        "Row", [column.field for column in columns], rename=True
    )
    rows = (
        row_type(*(column.read(v) for column, v in zip(columns, row, strict=True)))
        for row in found
    )
    return QueryResult(columns=columns, rows=tuple(rows))


def _explained(checked: CheckedQuery, dialect: str, connection: Connection) -> ExplainedQuery:
    from cachedb.query.tools import explain as explaining  # noqa: PLC0415  (SQLAlchemy)

    steps = explaining.query_plan(checked, dialect, _Executor(connection))
    plan = tuple(str(step[-1]) for step in steps)
    return ExplainedQuery(
        query=explaining.explain(checked, dialect),
        plan=plan,
        indexes=explaining.indexes(plan),
    )
