"""Catalogs with generated rows, and functions that run queries on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, create_engine, event

from cachedb.catalog import executor
from cachedb.catalog.schema import metadata
from cachedb.catalog.schema.file_tables import metadata as file_metadata
from cachedb.catalog.server.executor import ServerConnection
from cachedb.operations.read.run_query import split_entries
from cachedb.query import plan_cache
from cachedb.query.results import OutputColumn
from cachedb.query.semantics import linear_regex, times
from cachedb.query.semantics.check import check
from cachedb.query.semantics.typed import CheckedQuery
from cachedb.query.statement import CompiledStatement
from cachedb.query.syntax.parser import parse
from cachedb.query.syntax.tree import Query
from tests.query import on_server
from tests.query.generate import NOW
from tests.query.model import Cache, store

SAVED = {
    "stale": "refs used before 90d not is:pinned",
    "prod": "refs repo:acme/* or repo:grafana/*",
}


@contextmanager
def catalog(cache: Cache | None, url: str = "sqlite://") -> Iterator[Connection]:
    """Write the catalog of a cache, or an empty one, and connect to it."""
    if url.startswith("postgresql"):
        with on_server.connected(cache, url) as connection:
            yield connection
        return
    engine = create_engine(url)
    event.listen(engine, "connect", lambda connection, _: linear_regex.register(connection))
    event.listen(engine, "connect", lambda c, _: c.execute("ATTACH ':memory:' AS files"))
    metadata.create_all(engine)
    file_metadata.create_all(engine)
    with engine.connect() as connection:
        if cache is not None:
            store(cache, connection)
            connection.commit()
        yield connection
    engine.dispose()


def rows(connection: Connection, text: str, **options: Any) -> list[tuple[Any, ...]]:
    """Run a query; the values are as people see them."""
    checked = with_images(connection, check(parse(text, saved=SAVED, **options), now=NOW))
    statement = plan_cache.compile_rows(checked, connection.dialect.name).statement
    columns = [OutputColumn.of(column) for column in checked.columns]
    return [
        tuple(column.read(value) for column, value in zip(columns, row, strict=True))
        for row in execute(connection, statement, checked)
    ]


def ids(connection: Connection, query: Query) -> list[int]:
    """Return the row ids that a query selects, in its order."""
    checked = with_images(connection, check(query, now=NOW))
    statement = plan_cache.compile_ids(checked, connection.dialect.name).statement
    return [key for (key,) in execute(connection, statement, checked)]


def with_images(connection: Connection, checked: CheckedQuery) -> CheckedQuery:
    """Return a query as it is compiled for the images of a catalog."""
    driver: Any = connection.connection.driver_connection
    is_file = connection.dialect.name == "sqlite"
    opened = executor.Connection(driver) if is_file else ServerConnection(driver)
    return checked.with_split_images(split_entries(opened))


def execute(connection: Connection, statement: CompiledStatement, checked: CheckedQuery) -> Any:
    """Run a statement for the values of a query."""
    return connection.exec_driver_sql(statement.text, statement.bind(checked.values)).all()


def microseconds(value: object) -> object:
    """Turn a time back into the number that the catalog holds; leave the rest."""
    return times.microseconds(value) if isinstance(value, datetime) else value
