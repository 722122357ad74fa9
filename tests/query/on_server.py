"""Catalogs with generated rows in a PostgreSQL server."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, create_engine, event

from cachedb.catalog.server import adapters
from cachedb.catalog.server.address import ServerAddress
from cachedb.catalog.server.catalog import ServerCatalog
from tests.query.model import Cache, store


@contextmanager
def catalog(cache: Cache, url: str) -> Iterator[ServerCatalog]:
    """Write the catalog of a cache and open it."""
    with _made(url) as found, _connected(found) as plain:
        store(cache, plain.execution_options(schema_translate_map={"files": found.files_schema}))
        plain.commit()
        yield found


@contextmanager
def connected(cache: Cache | None, url: str) -> Iterator[Connection]:
    """Write the catalog of a cache, or an empty one, and connect to it."""
    with _made(url) as found, _connected(found) as connection:
        if cache is not None:
            inner = connection.execution_options(
                schema_translate_map={"files": found.files_schema}
            )
            store(cache, inner)
            connection.commit()
        yield connection


@contextmanager
def _made(url: str) -> Iterator[ServerCatalog]:
    address = ServerAddress.parse(url)
    assert address.cache is not None
    found = ServerCatalog.connect(address, address.cache)
    try:
        yield found
    finally:
        found.close()


@contextmanager
def _connected(catalog: ServerCatalog) -> Iterator[Connection]:
    """Connect by SQLAlchemy; values arrive as those of the driver of SQLite do."""
    url = catalog.address.url.replace("postgresql:", "postgresql+psycopg:", 1)
    engine = create_engine(url)

    def enter(driver: Any, _record: object) -> None:
        driver.execute(f'SET search_path = "{catalog.schema}", "{catalog.files_schema}"')
        driver.commit()
        driver.prepare_threshold = None
        adapters.adapt_to_catalog(driver.adapters)

    event.listen(engine, "connect", enter)
    with engine.connect() as connection:
        yield connection
    engine.dispose()
