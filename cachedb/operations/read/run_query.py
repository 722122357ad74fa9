"""Ask: a query of the query language, put to the catalog."""

from __future__ import annotations

from collections import namedtuple
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from cachedb.catalog.query_limits import asking
from cachedb.catalog.schema import ref
from cachedb.oci import Digest
from cachedb.query.semantics import linear_regex
from cachedb.query.semantics.unmatched_selectors import unmatched
from cachedb.query.sql.compile import compile_ids, compile_query, selectors
from cachedb.query.tools import explain as explaining
from cachedb.query.vocabulary import Type
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.query.sql.compile import CompiledQuery, OutputColumn
    from cachedb.query.syntax.tree import Query
    from cachedb.query.tools.explain import Explanation, SetCost


class QueryResult(Record):
    """The rows that a query selects, in its order, and what their columns are."""

    columns: tuple[OutputColumn, ...]
    rows: tuple[Any, ...]
    """Named tuples: a field a column, its dots as underscores; digests, datetimes and numbers."""


class ExplainedQuery(Record):
    """What a query comes to, and how the database would go about it."""

    query: Explanation
    plan: tuple[str, ...]
    indexes: tuple[str, ...]
    costs: tuple[SetCost, ...] = ()
    """Of its sets, and last of the whole; none unless it was run."""


def run_query(catalog: Catalog, query: Query, now: datetime | None = None) -> QueryResult:
    """Put a query; ages in it count from `now`.

    Raises:
        QueryError: The query does not make sense, or a word in it stands for nothing.
        LimitExceeded: The answer takes too long.
    """
    moment = now or datetime.now(UTC)
    statement = compile_query(query, now=moment)
    with asking(catalog, linear_regex.register) as connection:
        _refuse_empty_selectors(connection, query, moment)
        found = connection.execute(statement.select).all()
    readers = [_reader(column) for column in statement.columns]
    names = [column.name.replace(".", "_") for column in statement.columns]
    # The fields are the query's, so no checker can know them.
    kind: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # noqa: PYI024
    return QueryResult(
        columns=statement.columns,
        rows=tuple(
            kind(*(read(v) for read, v in zip(readers, row, strict=True))) for row in found
        ),
    )


def select_ids(catalog: Catalog, query: Query, now: datetime | None = None) -> tuple[int, ...]:
    """Return the ids of the rows that a query selects, in its order if it has one.

    Raises:
        QueryError: The query does not make sense, or groups its rows, or a word in it stands for
            nothing.
        LimitExceeded: The answer takes too long.
    """
    moment = now or datetime.now(UTC)
    with asking(catalog, linear_regex.register) as connection:
        _refuse_empty_selectors(connection, query, moment)
        return tuple(connection.scalars(compile_ids(query, now=moment)))


def explain(catalog: Catalog, query: Query, now: datetime | None = None) -> ExplainedQuery:
    """Say what a query comes to, without running it."""
    statement = compile_query(query, now=now or datetime.now(UTC))
    with asking(catalog, linear_regex.register) as connection:
        return _explained(statement, connection)


def analyze(catalog: Catalog, query: Query, now: datetime | None = None) -> ExplainedQuery:
    """Say what a query comes to, and what each of its sets costs.

    Raises:
        LimitExceeded: To make them takes too long.
    """
    statement = compile_query(query, now=now or datetime.now(UTC))
    with asking(catalog, linear_regex.register) as connection:
        costs = explaining.costs(statement, connection)
        return _explained(statement, connection).replace(costs=costs)


def _explained(statement: CompiledQuery, connection: Connection) -> ExplainedQuery:
    plan = explaining.plan(statement, connection)
    return ExplainedQuery(
        query=explaining.explain(statement, connection.alchemy.dialect),
        plan=plan,
        indexes=explaining.indexes(plan),
    )


def _reader(column: OutputColumn) -> Callable[[Any], Any]:
    if column.type is Type.DIGEST:
        return lambda value: None if value is None else Digest.declared(value)
    return column.read


def _refuse_empty_selectors(connection: Connection, query: Query, now: datetime) -> None:
    for check in selectors(query, now=now):
        if not connection.scalar(check.count):
            names = connection.scalars(select(ref.c.name).where(ref.c.name.is_not(None)))
            raise unmatched(check, [name for name in names if name])
