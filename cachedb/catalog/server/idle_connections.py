"""Connections of a catalog in a server that no transaction uses, kept for the next one."""

from __future__ import annotations

import select
import time
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from psycopg import errors, pq

if TYPE_CHECKING:
    import psycopg

    Driver = psycopg.Connection[Any]

_FRESH_SECONDS = 1.0
"""Time for which an idle connection is taken to be alive."""


class IdleConnections:
    """Connections outside of a transaction; threads may share it."""

    def __init__(self) -> None:
        self._idle: list[tuple[Driver, float]] = []
        self._lock = Lock()
        self._is_closed = False

    def take(self) -> Driver | None:
        """Return a connection that still answers; None if there is none."""
        with self._lock:
            while self._idle:
                driver, since = self._idle.pop()
                if not driver.closed and _is_alive(driver, since):
                    return driver
        return None

    def give_back(self, driver: Driver) -> None:
        """Roll a connection back and keep it, unless it is broken or `close` was called."""
        with suppress(errors.Error):
            if driver.info.transaction_status is not pq.TransactionStatus.IDLE:
                driver.execute("ROLLBACK")
            with self._lock:
                if not self._is_closed:
                    self._idle.append((driver, time.monotonic()))
                    return
        driver.close()

    def close(self) -> None:
        """Close the connections; others are closed when they are returned."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for driver, _ in idle:
            driver.close()


def _is_alive(driver: Driver, since: float) -> bool:
    """Return whether a connection that is idle since a time still answers.

    It is asked after a second, or when the server has sent something meanwhile: that it closes it.
    """
    if time.monotonic() - since < _FRESH_SECONDS and not _has_news(driver):
        return True
    try:
        driver.execute("SELECT 1")
    except errors.Error:
        driver.close()
        return False
    return True


def _has_news(driver: Driver) -> bool:
    poll = select.poll()
    poll.register(driver.fileno(), select.POLLIN)
    return bool(poll.poll(0))
