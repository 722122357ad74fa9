"""Pauses of Python's cyclic garbage collector, while many values without cycles are made."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the cyclic collector of the process, which would scan every new value repeatedly.

    For blocks that make many values and no cycles, or break them: those stay in memory until the
    end of the block. Blocks of several threads may overlap; the first that ends ends the pause.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
