"""Catalogs with generated rows, and functions that run queries on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, create_engine, event

from cachedb.catalog.schema import metadata
from cachedb.query.semantics import linear_regex, times
from cachedb.query.sql.compile import compile_query
from cachedb.query.syntax.parser import parse
from tests.query.generate import NOW
from tests.query.model import Cache, store

SAVED = {
    "stale": "refs used before 90d not is:pinned",
    "prod": "refs repo:acme/* or repo:grafana/*",
}


@contextmanager
def catalog(cache: Cache, url: str = "sqlite://") -> Iterator[Connection]:
    """Write the catalog of a cache and connect to it."""
    engine = create_engine(url)
    event.listen(engine, "connect", lambda connection, _: linear_regex.register(connection))
    metadata.create_all(engine)
    with engine.connect() as connection:
        store(cache, connection)
        connection.commit()
        yield connection
    engine.dispose()


def rows(connection: Connection, text: str, **options: Any) -> list[tuple[Any, ...]]:
    """Run a query; the values are as people see them."""
    statement = compile_query(parse(text, saved=SAVED, **options), now=NOW)
    return [
        tuple(column.read(value) for column, value in zip(statement.columns, row, strict=True))
        for row in connection.execute(statement.select)
    ]


def microseconds(value: object) -> object:
    """Turn a time back into the number that the catalog holds; leave the rest."""
    return times.microseconds(value) if isinstance(value, datetime) else value
