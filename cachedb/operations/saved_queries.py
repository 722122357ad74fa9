"""Saved queries: names for queries, kept in the configuration of a cache.

The file is ``.cachedb/cachedb.toml``, with one table, ``[queries]``; it may be edited by hand.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING

from cachedb.errors import InvalidInput, NotFound, Refused
from cachedb.limits import CONFIG_BYTES
from cachedb.query.parser import parse_saved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachedb.layout import Layout

CONFIGURATION = "cachedb.toml"
_NAME = re.compile(r"[a-z][a-z0-9_-]*")


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
        QueryError: The query does not parse, or leads back to itself.
        InvalidInput: The name is none.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} cannot name a query", hint="lower-case letters, digits, - and _"
        )
    queries = {**load(layout), name: text}
    parse_saved(name, queries)
    _write(layout, queries)


def forget(layout: Layout, name: str) -> None:
    """Forget a saved query.

    Raises:
        NotFound: There is none of that name.
        Refused: Another saved query uses it.
    """
    queries = load(layout)
    if name not in queries:
        raise NotFound(f"no saved query {name!r}")
    del queries[name]
    user = next(
        (n for n, text in queries.items() if re.search(rf"@{name}(?![a-z0-9_-])", text)), None
    )
    if user is not None:
        raise Refused(f"the saved query {user!r} uses {name!r}")
    _write(layout, queries)


def _write(layout: Layout, queries: Mapping[str, str]) -> None:
    # A string of JSON is a basic string of TOML, but for DEL, which no query holds.
    lines = [f"{name} = {json.dumps(text, ensure_ascii=False)}" for name, text in queries.items()]
    layout.replace_own(CONFIGURATION, "\n".join(["[queries]", *lines, ""]).encode())
