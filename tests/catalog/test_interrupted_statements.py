"""Ctrl-C ends a statement while it runs, and is no time limit."""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from cachedb.catalog import query_limits, state
from cachedb.catalog.connect import Catalog
from cachedb.catalog.executor import Connection
from cachedb.catalog.query_limits import limited
from cachedb.errors import LimitExceeded
from cachedb.limits import QUERY_SECONDS
from tests import backends
from tests.catalog.databases import Database

# Counts without an end; the first row calls `press`.
_ENDLESS = (
    "WITH RECURSIVE number(value) AS (SELECT {} UNION ALL SELECT value + 1 FROM number)"
    " SELECT MAX(value) FROM number"
)
_ENDLESS_IN_A_SERVER = "SELECT pg_sleep(3600)"
Press = Callable[[Connection], None]


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def press_later(connection: Connection) -> None:
    """Let a function send the signal of Ctrl-C from a thread, while the statement goes on."""

    def press() -> int:
        threading.Thread(target=press_ctrl_c).start()
        return 0

    connection.driver.create_function("press", 0, press)
    list(connection.run(_ENDLESS.format("press()")))


def press_inside(connection: Connection) -> None:
    """Let a function send the signal to itself: Python handles it inside of the function."""
    connection.driver.create_function("press", 0, press_ctrl_c)
    list(connection.run(_ENDLESS.format("press()")))


@pytest.fixture
def press_in_a_server(database: Database) -> Iterator[Press]:
    """Let a thread send the signal when the server runs the statement."""
    watched: list[threading.Thread] = []

    def press(connection: Connection) -> None:
        ((process,),) = connection.run("SELECT pg_backend_pid()")
        watched.append(threading.Thread(target=watch, args=(connection, process)))
        watched[0].start()
        list(connection.run(_ENDLESS_IN_A_SERVER))

    def watch(connection: Connection, process: int) -> None:
        with psycopg.connect(connection.driver.info.dsn, autocommit=True) as other:
            give_up = time.monotonic() + 60
            active = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
            while time.monotonic() < give_up:
                if other.execute(active, (process,)).fetchone():
                    break
                time.sleep(0.01)
        press_ctrl_c()

    yield press
    for thread in watched:
        thread.join()


@pytest.fixture(params=[press_later, press_inside])
def press(backend: str, request: pytest.FixtureRequest) -> Press:
    """A function that runs a statement without an end, during which Ctrl-C is pressed."""
    if backend == backends.SQLITE:
        found: Press = request.param
        return found
    return request.getfixturevalue("press_in_a_server")


def nothing(_: sqlite3.Connection) -> None:
    """Register no function."""


def test_ctrl_c_ends_a_statement_that_reads(catalog: Catalog, press: Press) -> None:
    with pytest.raises(KeyboardInterrupt), catalog.reading() as connection:
        press(connection)


def test_ctrl_c_ends_a_transaction_that_writes_and_undoes_it(
    catalog: Catalog, press: Press
) -> None:
    def write() -> None:
        with catalog.writing() as connection:
            state.write(connection, "a", "b")
            press(connection)

    with pytest.raises(KeyboardInterrupt):
        write()
    with catalog.reading() as connection:
        assert list(connection.run("SELECT key FROM state WHERE key = 'a'")) == []


def test_ctrl_c_ends_a_query_and_is_no_time_limit(catalog: Catalog, press: Press) -> None:
    with pytest.raises(KeyboardInterrupt), limited(catalog.reading(), nothing) as connection:
        press(connection)


@pytest.mark.parametrize("press", [press_later, press_inside])
def test_ctrl_c_ends_a_statement_of_a_catalog_in_memory(press: Press) -> None:
    catalog = Catalog.in_memory()
    with pytest.raises(KeyboardInterrupt), catalog.reading() as connection:
        press(connection)
    catalog.close()


def test_a_query_that_takes_too_long_is_no_ctrl_c(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_limits, "QUERY_SECONDS", QUERY_SECONDS.replace(value=0))
    with (
        pytest.raises(LimitExceeded, match="query seconds"),
        limited(catalog.reading(), nothing) as connection,
    ):
        list(connection.run(_ENDLESS.format(0)))
