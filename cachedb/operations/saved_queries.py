"""Saved queries: names for queries, kept in the configuration of a cache.

The file is ``.cachedb/cachedb.toml``, with one table, ``[queries]``; it may be edited by hand.
"""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cachedb.errors import InvalidInput
from cachedb.limits import CONFIG_BYTES
from cachedb.query import saved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachedb.layout import Layout

CONFIGURATION = "cachedb.toml"


def load(layout: Layout) -> dict[str, str]:
    """Return the saved queries of a cache by name.

    Raises:
        InvalidInput: The file is not TOML, or holds something else than queries.
    """
    content = layout.read_own(CONFIGURATION, CONFIG_BYTES)
    if content is None:
        return {}
    try:
        found = tomllib.loads(content.decode()).get("queries", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f".cachedb/{CONFIGURATION}: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise InvalidInput(f".cachedb/{CONFIGURATION}: [queries] has to hold texts")
    return found


def save(layout: Layout, name: str, text: str) -> None:
    """Save a query under a name, which it takes over.

    Raises:
        QueryError: The name is none, the query does not hold, or leads back to itself.
    """
    _write(layout, saved.add(load(layout), name, text, now=datetime.now(UTC)))


def forget(layout: Layout, name: str) -> None:
    """Forget a saved query.

    Raises:
        QueryError: There is none of that name, or another saved query uses it.
    """
    _write(layout, saved.remove(load(layout), name))


def _write(layout: Layout, queries: Mapping[str, str]) -> None:
    # A string of JSON is a basic string of TOML, but for DEL, which no query holds.
    lines = [f"{name} = {json.dumps(text, ensure_ascii=False)}" for name, text in queries.items()]
    layout.replace_own(CONFIGURATION, "\n".join(["[queries]", *lines, ""]).encode())
