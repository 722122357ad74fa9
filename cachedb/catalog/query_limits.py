"""Limits of queries that users write: transactions that only read, for a limited time."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from cachedb.errors import LimitExceeded
from cachedb.limits import QUERY_SECONDS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from cachedb.catalog.executor import Connection


@contextmanager
def limited(
    transaction: AbstractContextManager[Connection], prepare: Callable[[sqlite3.Connection], None]
) -> Iterator[Connection]:
    """Interrupt a transaction that only reads after the limit `query seconds`.

    `prepare` receives a connection of SQLite, to register functions.

    Raises:
        LimitExceeded: The statements took longer than the limit.
    """
    try:
        with (
            transaction as connection,
            connection.only_reading(QUERY_SECONDS.value, prepare),
        ):
            yield connection
    except TimeoutError as error:
        raise LimitExceeded(
            "the query", QUERY_SECONDS.name, QUERY_SECONDS.value, QUERY_SECONDS.variable
        ) from error
