"""Heartbeat of a running operation: what shows other hosts that its lease holds."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

from cachedb.errors import CacheError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 30.0
"""Time between two heartbeats."""


@contextmanager
def beating(beat: Callable[[], None]) -> Iterator[None]:
    """Call `beat` every `SECONDS` in a thread of its own while the block runs."""
    over = Event()

    def run() -> None:
        while not over.wait(SECONDS):
            with suppress(CacheError):
                beat()

    thread = Thread(target=run, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
