"""Limits of queries that users write: transactions that only read, for a limited time."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cachedb.errors import LimitExceeded
from cachedb.limits import QUERY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from cachedb.catalog.executor import Connection

_STEPS = 20_000
"""Instructions of SQLite between two looks at the clock: a fraction of a millisecond."""


@contextmanager
def limited(
    transaction: AbstractContextManager[Connection], prepare: Callable[[sqlite3.Connection], None]
) -> Iterator[Connection]:
    """Interrupt a transaction that only reads after the limit `query seconds`.

    `prepare` is given the connection of the driver, to register functions with.

    Raises:
        LimitExceeded: The statements took longer than the limit.
    """
    deadline = time.monotonic() + QUERY_SECONDS.value
    with transaction as connection:
        driver = connection.driver
        prepare(driver)
        driver.execute("PRAGMA query_only = ON")
        driver.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        try:
            yield connection
        except sqlite3.OperationalError as error:
            if "interrupted" not in str(error):
                raise
            raise LimitExceeded(
                "the query", QUERY_SECONDS.name, QUERY_SECONDS.value, QUERY_SECONDS.variable
            ) from error
        finally:
            driver.set_progress_handler(None, 0)
            driver.execute("PRAGMA query_only = OFF")
