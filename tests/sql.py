"""Statements of SQLAlchemy on the connection of a catalog, for tests that look at its rows."""

import sqlalchemy
from sqlalchemy.pool import StaticPool

from cachedb.catalog import executor


def on(connection: executor.Connection) -> sqlalchemy.Connection:
    """Return a connection of SQLAlchemy in the transaction of a connection of a catalog.

    It neither begins nor ends a transaction, and its errors are those of SQLAlchemy.
    """
    url = "sqlite://" if connection.dialect == "sqlite" else "postgresql+psycopg://"
    engine = sqlalchemy.create_engine(url, creator=lambda: connection.driver, poolclass=StaticPool)
    for name in ("do_commit", "do_rollback", "do_close"):
        setattr(engine.dialect, name, lambda _connection: None)
    return engine.connect()
