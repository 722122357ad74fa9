"""Leases in the catalog: the digests that running operations hold against collection."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from cachedb.catalog.statement import many
from cachedb.catalog.statements import leases
from cachedb.catalog.user_state import lease_owner

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from cachedb.catalog.executor import Connection

_DAY = 86_400_000_000
_SKEW = 3_600_000_000
"""Maximum difference between the clocks of two hosts, in microseconds."""


SHARED_SECONDS = 120
"""Life of a lease that many hosts see, after its last heartbeat."""


def take(connection: Connection, key: str, now: int) -> None:
    """Insert a lease of this process; `now` is in microseconds since 1970.

    In a server it has the times of the server, lasts for `SHARED_SECONDS`, and is prolonged by
    heartbeats.
    """
    shared = connection.shared_now()
    if shared is not None:
        expires = shared + SHARED_SECONDS * 1_000_000
        owner = str(lease_owner.this_process())
        connection.insert_one(leases.INSERT, key, owner, os.getpid(), shared, expires)
        return
    connection.insert_one(leases.INSERT, key, os.uname().nodename, os.getpid(), now, now + _DAY)


def hold(connection: Connection, key: str, digests: Iterable[str]) -> None:
    """Add digests to a lease, inside the caller's transaction; those that it has stay."""
    held = set(connection.values(leases.ITEMS, lease_id=key))
    connection.insert(leases.INSERT_ITEMS, [(key, each) for each in sorted(set(digests) - held)])


def is_overlong(host: str, expires: int, now: int) -> bool:
    """Return whether a lease of another host expires later than any lease can.

    Times are microseconds since 1970.
    """
    return host != os.uname().nodename and expires > now + _DAY + _SKEW


def release(connection: Connection, keys: Collection[str]) -> None:
    """Delete leases with their digests, inside the caller's transaction."""
    if keys:
        connection.write(leases.DELETE_ITEMS, lease_ids=many(keys))
        connection.write(leases.DELETE, lease_ids=many(keys))


def release_dead(connection: Connection, living: Collection[str]) -> None:
    """Delete the leases of this host whose process has ended, and in a server those that expired.

    A file system that hosts share may know no locks between them: there the heartbeat decides,
    not the locks of lease files.
    """
    shared = connection.shared_now()
    if shared is not None:
        rows = connection.rows(leases.ALL)
        dead = [row.id for row in rows if not is_living(row.host, row.expires, shared)]
        release(connection, dead)
        return
    ours = connection.values(leases.OF_HOST, host=os.uname().nodename)
    release(connection, set(ours) - set(living))


def held_by(connection: Connection, living: Callable[[], Collection[str]]) -> set[str]:
    """Return every digest that a lease of a living process, or of another host, holds.

    `living` is called after the rows were read: a lease is locked before it has any rows, so a
    lease that began meanwhile is among the living.
    """
    rows = connection.rows(leases.HELD)
    shared = connection.shared_now()
    if shared is not None:
        return {row.digest for row in rows if is_living(row.host, row.expires, shared)}
    now, here = time.time_ns() // 1000, os.uname().nodename
    alive = living()
    return {
        row.digest for row in rows if row.id in alive or (row.host != here and row.expires > now)
    }


def is_living(owner: str, expires: int, now: int) -> bool:
    """Return whether a lease in a server holds: its heartbeat goes on, as far as is known.

    Times are microseconds since 1970, by the clock of the server.
    """
    process = lease_owner.parse(owner)
    return expires > now and not (process is not None and process.has_ended())
