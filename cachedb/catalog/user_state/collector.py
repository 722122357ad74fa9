"""Row of the running collection of a cache that hosts share: owner, generation and heartbeat.

One collection runs at a time. Its row expires when the heartbeats stop, by the clock of the server
alone, and the next collection then takes its place with a higher generation: the one before finds
its generation gone before it deletes anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog import state
from cachedb.catalog.enums import COLLECTOR
from cachedb.catalog.user_state import lease_owner
from cachedb.catalog.user_state.leases import SHARED_SECONDS
from cachedb.errors import CacheBusy
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from cachedb.catalog.executor import Connection

_MICROSECONDS = 1_000_000


class CollectorRow(NamedTuple):
    """Row of the collection that runs, or ran last."""

    generation: int
    """Number of the collection, higher than that of each one before."""
    expires: int
    """Time after which it counts as dead, in microseconds since 1970 of the server."""
    owner: str
    """Text of the `LeaseOwner` of its process."""

    def __str__(self) -> str:
        return f"{self.generation} {self.expires} {self.owner}"

    @classmethod
    def read(cls, connection: Connection) -> CollectorRow | None:
        """Read the row; None if no collection has run yet."""
        generation, _, rest = (state.read(connection, COLLECTOR) or "").partition(" ")
        expires, _, owner = rest.partition(" ")
        if not (generation.isdecimal() and expires.isdecimal()):
            return None
        return cls(int(generation), int(expires), owner)

    def is_running(self, now: int) -> bool:
        """Return whether the collection goes on, as far as is known at a time of the server."""
        process = lease_owner.parse(self.owner)
        return self.expires > now and not (process is not None and process.has_ended())


def take(connection: Connection, now: int) -> CollectorRow:
    """Take the place of the collector, in a write transaction; `now` is the time of the server.

    Raises:
        CacheBusy: The collection of another process is running.
    """
    before = CollectorRow.read(connection)
    if before is not None and before.is_running(now):
        host = before.owner.partition(" ")[0]
        seconds = (before.expires - now) // _MICROSECONDS
        what = f"another collection is running, on the host {host!r}"
        raise CacheBusy(what, hint=f"try again; without a heartbeat it ends in {seconds} s")
    generation = 1 if before is None else before.generation + 1
    taken = CollectorRow(generation, _later(now), str(lease_owner.this_process()))
    state.write(connection, COLLECTOR, str(taken))
    return taken


def prolong(connection: Connection, generation: int, now: int) -> None:
    """Record a heartbeat of a collection, unless it has ended or another has taken its place."""
    found = CollectorRow.read(connection)
    if found is not None and found.generation == generation and found.expires:
        state.write(connection, COLLECTOR, str(found._replace(expires=_later(now))))


def release(connection: Connection, generation: int) -> None:
    """End a collection; its generation stays recorded."""
    found = CollectorRow.read(connection)
    if found is not None and found.generation == generation:
        state.write(connection, COLLECTOR, str(found._replace(expires=0)))


def check(connection: Connection, generation: int, now: int) -> None:
    """Refuse to go on with a collection whose place was taken, or whose heartbeats stopped.

    Raises:
        CacheBusy: Another collection may run.
    """
    found = CollectorRow.read(connection)
    if found is None or found.generation != generation or found.expires <= now:
        raise CacheBusy(
            "this collection was cut off from the server for too long", hint="try again"
        )


def _later(now: int) -> int:
    return now + SHARED_SECONDS * _MICROSECONDS
