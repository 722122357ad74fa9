"""Session of a catalog in a server: options of its connection, its transactions and their commit.

The answer to a commit may be lost: what became of it is asked of the server.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

from psycopg import errors

from cachedb.errors import StorageFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from cachedb.catalog.server.address import ServerAddress

    Driver = psycopg.Connection[Any]

CUT_OFF_SECONDS: Final = 120
"""Time after which the server ends a transaction whose host no longer answers."""
_KEEPALIVES: Final = 3
_KEEPALIVE_SECONDS: Final = CUT_OFF_SECONDS // (2 * _KEEPALIVES)
SETTINGS: Final = (
    # Estimates of walks are high, and compiling a statement takes longer than running it.
    "SET LOCAL jit = off;"
    # Else a walk scans all edges at each of its steps: 3 000 images take 13 s instead of 0.1 s.
    " SET LOCAL random_page_cost = 1.1;"
    f" SET LOCAL idle_in_transaction_session_timeout = '{CUT_OFF_SECONDS}s';"
    f" SET LOCAL tcp_user_timeout = '{CUT_OFF_SECONDS}s';"
    # In the middle of a COPY the server does not count as idle, and by default asks after 2 hours.
    f" SET LOCAL tcp_keepalives_idle = '{CUT_OFF_SECONDS // 2}s';"
    f" SET LOCAL tcp_keepalives_interval = '{_KEEPALIVE_SECONDS}s';"
    f" SET LOCAL tcp_keepalives_count = {_KEEPALIVES}"
)
"""Settings of every transaction, which end with it."""
_NAME_BYTES: Final = 63
OPTIONS: Final[dict[str, Any]] = {
    "connect_timeout": 10,
    # Other hosts that wait for a lock of this process print it.
    "application_name": f"cachedb {os.getpid()} {os.uname().nodename}"[:_NAME_BYTES],
    # A server that does not answer any more is noticed after a minute.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""Options of libpq, unless the URL has them."""
READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
"""Begins a transaction in which every statement sees the same state."""
WRITE: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
"""Begin of a transaction, without READ WRITE, which would override a setting of the server."""
_ATTEMPTS: Final = 5
_PAUSE_SECONDS: Final = 0.2
"""Time for the server to end a transaction whose connection it has lost."""


def commit(driver: Driver, connect: Callable[[], Driver], address: ServerAddress) -> None:
    """Commit; if the connection is lost meanwhile, ask on another one whether that succeeded.

    Costs one short statement before. A transaction that has written nothing has no number, and
    nothing to lose.

    Raises:
        StorageFailed: The transaction was rolled back, or what became of it cannot be told.
    """
    ((number,),) = driver.execute("SELECT pg_current_xact_id_if_assigned()::TEXT")
    try:
        driver.execute("COMMIT")
    except errors.OperationalError as error:
        if number is None or not driver.closed:
            raise
        _settle(str(number), connect, address, error)


def _settle(
    number: str, connect: Callable[[], Driver], address: ServerAddress, lost: errors.Error
) -> None:
    where = f"the connection to the catalog at {address.shown} was lost"
    outcome = _outcome(number, connect)
    if outcome == "committed":
        return
    if outcome == "aborted":
        what = f"{where} before the commit: nothing of the transaction was recorded"
        raise StorageFailed(what) from lost
    what = f"{where} during the commit, and whether it was recorded cannot be told"
    raise StorageFailed(what, hint="cachedb ls brings the catalog up to date") from lost


def _outcome(number: str, connect: Callable[[], Driver]) -> str | None:
    """Return what became of a transaction; None if no server tells it.

    A standby that was promoted meanwhile may not have heard of the transaction.
    """
    found = None
    for _ in range(_ATTEMPTS):
        try:
            with connect() as driver:
                ((found,),) = driver.execute("SELECT pg_xact_status(%s::XID8)", (number,))
        except errors.Error:
            found = None
        if found in {"committed", "aborted"}:
            break
        time.sleep(_PAUSE_SECONDS)
    return found
