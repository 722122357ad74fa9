"""Collection of a cache that hosts share: its row in the server, held with heartbeats.

And what the rows tell of the operations of all hosts.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from cachedb.catalog.server import heartbeat
from cachedb.catalog.statements import leases
from cachedb.catalog.user_state import collector, lease_owner
from cachedb.catalog.user_state.leases import SHARED_SECONDS, is_living
from cachedb.errors import CacheError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cachedb.catalog.executor import Connection
    from cachedb.catalog.server.catalog import ServerCatalog
    from cachedb.catalog.server.executor import ServerConnection

_ATTEMPTS = 2
"""Attempts to end a collection: no more, since a server that was cut off takes 10 s for each."""


@contextmanager
def collecting(catalog: ServerCatalog) -> Iterator[Callable[[Connection], None]]:
    """Hold the row of the collector while the block runs, with heartbeats.

    Yields a check that fails when another collection has taken the place of this one, or may: a
    collector that dies is replaced `SHARED_SECONDS` after its last heartbeat, by the clock of the
    server.

    Raises:
        CacheBusy: Another collection is running.
        StorageFailed: The server cannot be reached or is read-only.
    """
    with catalog.writing() as connection:
        generation = collector.take(connection, connection.shared_now()).generation

    def beat() -> None:
        with catalog.writing() as connection:
            collector.prolong(connection, generation, connection.shared_now())

    def check(connection: Connection) -> None:
        collector.check(connection, generation, connection.shared_now() or 0)

    try:
        with heartbeat.beating(beat):
            yield check
    finally:
        _release(catalog, generation)


def _release(catalog: ServerCatalog, generation: int) -> None:
    """End the collection; after a lost connection on another one, else its row expires."""
    for _ in range(_ATTEMPTS):
        with suppress(CacheError), catalog.writing() as connection:
            collector.release(connection, generation)
            return


def remarks(connection: ServerConnection) -> list[str]:
    """Describe the last collection, and the leases of running operations, by their heartbeats."""
    now = connection.shared_now()
    found = []
    row = collector.CollectorRow.read(connection)
    if row is not None and row.expires:
        is_running = row.is_running(now)
        end = "" if is_running else "; it has died, and the next one replaces it"
        found.append(
            f"collection {row.generation} of {_shown(row.owner)}, {_beat(row.expires, now)}{end}"
        )
    elif row is not None:
        found.append(f"collection {row.generation} has ended; none is running")
    for lease in connection.rows(leases.ALL):
        is_held = is_living(lease.host, lease.expires, now)
        end = "" if is_held else "; it has died, and the next collection removes the lease"
        found.append(f"lease {lease.id} of {_shown(lease.host)}, {_beat(lease.expires, now)}{end}")
    return found


def _shown(text: str) -> str:
    owner = lease_owner.parse(text)
    return repr(text) if owner is None else f"process {owner.pid} on the host {owner.host!r:.80}"


def _beat(expires: int, now: int) -> str:
    seconds = (now - expires) // 1_000_000 + SHARED_SECONDS
    return f"last heartbeat {max(seconds, 0)} s ago"
