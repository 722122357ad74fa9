"""Rows of image configurations: commands, labels and environment variables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cachedb.catalog.index.texts import pairs, without_nul
from cachedb.catalog.statements.index import documents

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachedb.catalog.executor import Connection
    from cachedb.oci.config import ImageConfig

_EPOCH = datetime.fromtimestamp(0, UTC)


def insert(connection: Connection, parsed_configs: Mapping[int, ImageConfig]) -> None:
    """Insert the rows of configurations, by the ids of their blobs, which are stored."""
    configs: list[tuple[Any, ...]] = []
    labels: list[tuple[Any, ...]] = []
    variables: list[tuple[Any, ...]] = []
    for key, parsed in parsed_configs.items():
        created = _microseconds(parsed.created_at)
        words = (" ".join(parsed.entrypoint), " ".join(parsed.cmd))
        texts = (parsed.author, parsed.user, parsed.working_dir, *words)
        configs.append((key, created, *map(without_nul, texts)))
        if parsed.labels:
            labels += [(key, *pair) for pair in pairs(parsed.labels)]
        if parsed.env:
            # The last variable of a name counts.
            named = dict(item.partition("=")[::2] for item in parsed.env)
            variables += [(key, *pair) for pair in pairs(named)]
    connection.insert(documents.INSERT_CONFIGS, configs)
    connection.insert(documents.INSERT_LABELS, labels)
    connection.insert(documents.INSERT_ENV, variables)


def _microseconds(moment: datetime | None) -> int | None:
    # Not `timestamp()`: a float has no room for microseconds, and an offset may lead out of the
    # years 1 to 9999.
    return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)
