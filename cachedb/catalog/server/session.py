"""Session of a catalog in a server: options of its connection, settings of its transactions."""

from __future__ import annotations

import os
from typing import Any, Final

CUT_OFF_SECONDS: Final = 120
"""Time after which the server ends a transaction whose host no longer answers."""
SETTINGS: Final = (
    # Estimates of walks are high, and compiling a statement takes longer than running it.
    "SET LOCAL jit = off;"
    # Else a walk scans all edges at each of its steps: 3 000 images take 13 s instead of 0.1 s.
    " SET LOCAL random_page_cost = 1.1;"
    f" SET LOCAL idle_in_transaction_session_timeout = '{CUT_OFF_SECONDS}s';"
    f" SET LOCAL tcp_user_timeout = '{CUT_OFF_SECONDS}s'"
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
