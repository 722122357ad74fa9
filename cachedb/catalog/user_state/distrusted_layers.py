"""Layers whose table of contents a deep validation found false, by digest."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from cachedb.catalog import state
from cachedb.catalog.enums import DISTRUSTED
from cachedb.catalog.statement import many
from cachedb.catalog.statements import user_state

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachedb.catalog.executor import Connection


def read(connection: Connection) -> frozenset[str]:
    """Return the digests of the layers; none if the row is damaged."""
    with suppress(ValueError):
        found = json.loads(state.read(connection, DISTRUSTED) or "[]")
        if isinstance(found, list):
            return frozenset(each for each in found if isinstance(each, str))
    return frozenset()


def add(connection: Connection, digests: Iterable[str]) -> None:
    """Enter layers, inside the caller's transaction; those of unknown blobs are dropped."""
    wanted = sorted(read(connection) | set(digests))
    known = [row.digest for row in connection.rows(user_state.IDS, digests=many(wanted))]
    state.write(connection, DISTRUSTED, json.dumps(sorted(known)))
