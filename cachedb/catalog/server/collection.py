"""Collection of a cache that hosts share: its row in the server, held with heartbeats."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from cachedb.catalog.server import heartbeat
from cachedb.catalog.user_state import collector
from cachedb.errors import CacheError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cachedb.catalog.executor import Connection
    from cachedb.catalog.server.catalog import ServerCatalog


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
        with suppress(CacheError), catalog.writing() as connection:
            collector.release(connection, generation)
