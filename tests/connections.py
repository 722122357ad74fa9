"""Recorder of the driver connections that a catalog opens."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import psycopg
from psycopg import sql

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
        _counting_in_servers(count),
    ):
        yield


@contextmanager
def _counting_in_servers(count: Callable[[], object]) -> Iterator[None]:
    """Call `count` once for each statement of a server and for each COPY."""

    def counted(name: str) -> Callable[..., Any]:
        run = getattr(psycopg.Cursor, name)

        def call(cursor: Any, text: str | sql.Composed, /, *values: Any, **options: Any) -> Any:
            if not (text if isinstance(text, str) else text.as_string()).startswith(_ENDS):
                count()
            return run(cursor, text, *values, **options)

        return call

    with ExitStack() as patches:
        for name in ("execute", "executemany", "copy"):
            patches.enter_context(mock.patch.object(psycopg.Cursor, name, counted(name)))
        yield
