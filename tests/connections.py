"""Recorder of the driver connections that a catalog opens."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest import mock

from cachedb.catalog import connect

_ENDS = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA")


@contextmanager
def watching(hook: Callable[[sqlite3.Connection], object]) -> Iterator[None]:
    """Give every connection to a file that is opened meanwhile to `hook`."""
    prepare = connect._prepare

    def prepared(driver: sqlite3.Connection, *, durable: bool) -> None:
        prepare(driver, durable=durable)
        hook(driver)

    with mock.patch.object(connect, "_prepare", prepared):
        yield


@contextmanager
def counting_statements(count: Callable[[], object]) -> Iterator[None]:
    """Call `count` once for each statement that is run, for however many rows it is run."""

    class Connection(sqlite3.Connection):
        def execute(self, text: str, /, *values: Any) -> sqlite3.Cursor:
            if not text.startswith(_ENDS):
                count()
            return super().execute(text, *values)

        def executemany(self, text: str, /, *rows: Any) -> sqlite3.Cursor:
            count()
            return super().executemany(text, *rows)

    with mock.patch.object(sqlite3, "connect", partial(sqlite3.connect, factory=Connection)):
        yield
