"""Rows of `lease`: what running operations hold."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from cachedb.catalog.index.working_set import chunks
from cachedb.catalog.schema import lease, lease_item

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from cachedb.catalog.executor import Connection

_DAY = 86_400_000_000


def take(connection: Connection, key: str, now: int) -> None:
    """Enter a lease that this process holds."""
    connection.execute(
        insert(lease).values(
            id=key, host=socket.gethostname(), pid=os.getpid(), created=now, expires=now + _DAY
        )
    )


def hold(connection: Connection, key: str, digests: Iterable[str]) -> None:
    """Add digests to what a lease holds."""
    held = set(connection.scalars(select(lease_item.c.digest).where(lease_item.c.lease_id == key)))
    rows = [{"lease_id": key, "digest": digest} for digest in sorted(set(digests) - held)]
    if rows:
        connection.execute(insert(lease_item), rows)


def release(connection: Connection, keys: Collection[str]) -> None:
    """Forget leases and what they hold."""
    for batch in chunks(keys):
        connection.execute(delete(lease_item).where(lease_item.c.lease_id.in_(batch)))
        connection.execute(delete(lease).where(lease.c.id.in_(batch)))


def release_dead(connection: Connection, living: Collection[str]) -> None:
    """Forget the leases of this host whose process is gone."""
    ours = connection.scalars(select(lease.c.id).where(lease.c.host == socket.gethostname()))
    release(connection, set(ours) - set(living))


def held_by(connection: Connection, living: Callable[[], Collection[str]]) -> set[str]:
    """Return every digest that a lease of a living process, or of another host, holds.

    Who is living is asked after the rows were read: a lease is locked before it has any, so one
    that has begun meanwhile is among the living.
    """
    now = time.time_ns() // 1000
    elsewhere = (lease.c.host != socket.gethostname()) & (lease.c.expires > now)
    rows = connection.execute(
        select(lease.c.id, lease_item.c.digest, elsewhere.label("elsewhere")).join(
            lease_item, lease_item.c.lease_id == lease.c.id
        )
    ).all()
    alive = living()
    return {digest for key, digest, is_elsewhere in rows if is_elsewhere or key in alive}
