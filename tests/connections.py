"""Recorder of the driver connections that a catalog opens."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from cachedb.catalog import connect
from cachedb.catalog.waiting_connection import WaitingConnection

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

    def execute(driver: WaitingConnection, text: str, /, *values: Any) -> sqlite3.Cursor:
        if not text.startswith(_ENDS):
            count()
        return run_one(driver, text, *values)

    def executemany(driver: WaitingConnection, text: str, /, *rows: Any) -> sqlite3.Cursor:
        count()
        return run_many(driver, text, *rows)

    run_one, run_many = WaitingConnection.execute, WaitingConnection.executemany
    with (
        mock.patch.object(WaitingConnection, "execute", execute),
        mock.patch.object(WaitingConnection, "executemany", executemany),
    ):
        yield
