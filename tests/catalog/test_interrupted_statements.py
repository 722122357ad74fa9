"""Ctrl-C ends a statement of SQLite while it runs, and is no time limit."""

import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cachedb.catalog import query_limits, state
from cachedb.catalog.connect import Catalog
from cachedb.catalog.executor import Connection
from cachedb.catalog.query_limits import limited
from cachedb.errors import LimitExceeded
from cachedb.limits import QUERY_SECONDS

# Counts without an end; the first row calls `press`.
_ENDLESS = (
    "WITH RECURSIVE number(value) AS (SELECT press() UNION ALL SELECT value + 1 FROM number)"
    " SELECT {} FROM number"
)


def press_later(driver: sqlite3.Connection) -> None:
    """Let a function send the signal of Ctrl-C from a thread, while the statement goes on."""

    def press() -> int:
        threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT)).start()
        return 0

    driver.create_function("press", 0, press)


def press_inside(driver: sqlite3.Connection) -> None:
    """Let a function send the signal to itself: Python handles it inside of the function."""
    driver.create_function("press", 0, lambda: os.kill(os.getpid(), signal.SIGINT))


Prepare = Callable[[sqlite3.Connection], None]
PRESSES = pytest.mark.parametrize("press", [press_later, press_inside])


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    found = Catalog.open(tmp_path / "index.db")
    yield found
    found.close()


def count(connection: Connection, press: Prepare, what: str = "MAX(value)") -> None:
    press(connection.driver)
    list(connection.run(_ENDLESS.format(what)))


@PRESSES
def test_ctrl_c_ends_a_statement_that_reads(catalog: Catalog, press: Prepare) -> None:
    with pytest.raises(KeyboardInterrupt), catalog.reading() as connection:
        count(connection, press)


@PRESSES
def test_ctrl_c_ends_a_transaction_that_writes_and_undoes_it(
    catalog: Catalog, press: Prepare
) -> None:
    def write() -> None:
        with catalog.writing() as connection:
            state.write(connection, "a", "b")
            count(connection, press)

    with pytest.raises(KeyboardInterrupt):
        write()
    with catalog.reading() as connection:
        assert list(connection.run("SELECT key FROM state WHERE key = 'a'")) == []


@PRESSES
def test_ctrl_c_ends_a_query_and_is_no_time_limit(catalog: Catalog, press: Prepare) -> None:
    with pytest.raises(KeyboardInterrupt), limited(catalog.reading(), press) as connection:
        count(connection, press)


@PRESSES
def test_ctrl_c_ends_a_statement_of_a_catalog_in_memory(press: Prepare) -> None:
    catalog = Catalog.in_memory()
    with pytest.raises(KeyboardInterrupt), catalog.reading() as connection:
        count(connection, press)
    catalog.close()


def test_a_query_that_takes_too_long_is_no_ctrl_c(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_limits, "QUERY_SECONDS", QUERY_SECONDS.replace(value=0))
    endless = _ENDLESS.replace("press()", "0").format("MAX(value)")
    with (
        pytest.raises(LimitExceeded, match="query seconds"),
        limited(catalog.reading(), lambda _: None) as connection,
    ):
        connection.run(endless)
