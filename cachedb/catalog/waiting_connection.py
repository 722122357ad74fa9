"""Connection of SQLite that waits for other processes, and that Ctrl-C ends at any time.

SQLite waits inside of one call, and runs a statement inside of one, during which Python handles
no signal. So its own waiting is switched off, and a statement calls back every few milliseconds.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cachedb.errors import CacheBusy
from cachedb.limits import LOCK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_FUNCTION_FAILED = "user-defined function raised exception"
_STEPS = 100_000
"""Instructions of SQLite between two calls of `_let_signals_in`: a few milliseconds."""


class WaitingConnection(sqlite3.Connection):
    """Connection whose statements wait until the locks of other processes are free.

    A statement fails with SQLITE_BUSY before it has an effect, so it is repeated: the first one of
    a transaction that reads, BEGIN IMMEDIATE, and COMMIT, which waits for readers.
    """

    def __init__(
        self, database: str | Path, *, paths: Sequence[Path] = (), **options: Any
    ) -> None:
        """Open a database; a notice of a wait names the one of `paths` that another has locked."""
        super().__init__(database, isolation_level=None, timeout=0, **options)
        self._paths = paths
        self.let_signals_in()

    def let_signals_in(self) -> None:
        """Let statements call Python now and then, which handles signals meanwhile.

        A signal handler that raises, as that of Ctrl-C does, interrupts the statement; the driver
        drops the exception and raises SQLITE_INTERRUPT instead (`is_interrupted`).
        """
        self.set_progress_handler(_go_on, _STEPS)

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Run a statement when the locks that it needs are free.

        Raises:
            CacheBusy: They are held for longer than the limit `lock seconds`.
        """
        try:
            return super().execute(sql, parameters)
        except sqlite3.OperationalError as error:
            if not _is_busy(error):
                raise
        return self._execute_later(sql, parameters)

    def _execute_later(self, sql: str, parameters: Any) -> sqlite3.Cursor:
        from cachedb.lock_waits import Wait  # noqa: PLC0415  (most statements wait for nothing)

        seconds = LOCK_SECONDS.value
        wait = Wait(self._held, seconds)
        while wait.goes_on():
            try:
                return super().execute(sql, parameters)
            except sqlite3.OperationalError as error:
                if not _is_busy(error):
                    raise
        _, holder = self._held() or ("", "another thread")
        raise CacheBusy(
            f"{holder} is writing the catalog (waited {seconds:.0f} s)",
            hint=f"{LOCK_SECONDS.variable}=SECONDS waits longer",
        )

    def _held(self) -> tuple[str, str] | None:
        """Return which file is locked by which process; None if this process locks it."""
        from cachedb.lock_waits import UNKNOWN, holder_of  # noqa: PLC0415

        found: set[str | None] = set()
        for path in self._paths:
            with suppress(FileNotFoundError):  # or it was replaced meanwhile
                holder = holder_of(path.stat())
                if holder not in {None, UNKNOWN}:
                    return f"a transaction on {path.name}", str(holder)
                found.add(holder)
        return None if None in found else ("a transaction on the catalog", UNKNOWN)


def is_interrupted(error: sqlite3.Error) -> bool:
    """Return whether a signal ended a statement, or the time limit of queries.

    The signal may come while a function in Python runs for the statement. No such function of ours
    raises an error of its own.
    """
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_INTERRUPT or _FUNCTION_FAILED in str(error)


def _is_busy(error: sqlite3.OperationalError) -> bool:
    # 0xFF: without the extended code, which tells the kind of the lock.
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _go_on() -> int:
    """Let a statement go on; while Python calls this, it handles signals."""
    return 0
