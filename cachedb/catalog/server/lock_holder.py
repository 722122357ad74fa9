"""Holder of a lock of writers in a server, as other processes print it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cachedb.patterns import lazy

if TYPE_CHECKING:
    import psycopg

_APPLICATION = lazy(r"cachedb (\d+) (.+)")
_HOLDER = """
WITH lock AS (SELECT hashtextextended(%s, 0) AS key)
SELECT pid, application_name
FROM lock, pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND classid::BIGINT = key >> 32 & 4294967295 AND objid::BIGINT = key & 4294967295
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def holder_of(driver: psycopg.Connection[Any], key: str) -> str:
    """Name the process that holds a lock, as it named itself when it connected."""
    row = driver.execute(_HOLDER, (key,)).fetchone()
    if row is None:  # it has just ended
        return "another process"
    matched = _APPLICATION.fullmatch(str(row[1]))
    if matched is None:  # of another user, or behind a pooler that names itself
        return f"a session of the server (pid {row[0]})"
    return f"process {matched[1]} (cachedb) on {matched[2]}"
