"""Catalogs with generated rows in a PostgreSQL server."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, event

from cachedb.catalog.server.address import ServerAddress
from cachedb.catalog.server.catalog import ServerCatalog
from tests.query.model import Cache, store


@contextmanager
def catalog(cache: Cache, url: str) -> Iterator[ServerCatalog]:
    """Write the catalog of a cache and open it."""
    address = ServerAddress.parse(url)
    assert address.cache is not None
    found = ServerCatalog.connect(address, address.cache)
    engine = create_engine(address.url.replace("postgresql:", "postgresql+psycopg:", 1))
    event.listen(
        engine, "connect", lambda driver, _: driver.execute(f'SET search_path = "{found.schema}"')
    )
    with engine.begin() as plain:
        store(cache, plain.execution_options(schema_translate_map={"files": found.files_schema}))
    engine.dispose()
    try:
        yield found
    finally:
        found.close()
