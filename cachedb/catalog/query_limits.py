"""Connections for questions that somebody else has put: they only read, and not for ever."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import OperationalError

from cachedb.errors import LimitExceeded
from cachedb.limits import QUERY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection

# Steps of SQLite's machine between two looks at the clock: a fraction of a millisecond.
_STEPS = 20_000


@contextmanager
def asking(catalog: Catalog, prepare: Callable[[Any], None]) -> Iterator[Connection]:
    """Open a transaction that cannot write and is interrupted when its time is over.

    `prepare` is given the connection of the driver, to register functions with.

    Raises:
        LimitExceeded: The statement took longer than the limit.
    """
    give_up = time.monotonic() + QUERY_SECONDS.value
    with catalog.reading() as connection:
        driver: Any = connection.driver
        prepare(driver)
        driver.execute("PRAGMA query_only = ON")
        driver.set_progress_handler(lambda: time.monotonic() > give_up, _STEPS)
        try:
            yield connection
        except OperationalError as error:
            if "interrupted" not in str(error.orig):
                raise
            raise LimitExceeded(
                "the query", QUERY_SECONDS.name, QUERY_SECONDS.value, QUERY_SECONDS.variable
            ) from error
        finally:
            driver.set_progress_handler(None, 0)
            driver.execute("PRAGMA query_only = OFF")
