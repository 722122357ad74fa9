"""Statements about the state of the catalog itself: one text per key."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Scalars, Write

RECORDED: Final = Scalars("state.recorded", str)
"""The value under `key`."""
FORGET: Final = Write("state.forget")
"""Delete the value under `key`."""
RECORD: Final = Write("state.record")
"""Insert the `value` under a `key` that has none."""
