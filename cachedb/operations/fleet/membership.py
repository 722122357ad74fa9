"""Membership of a cache in a fleet: the database to which its host publishes its catalog.

It is a file in the private folder of the cache. The URL in it has no password: others can read
the file.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cachedb.catalog.server.address import ServerAddress
from cachedb.errors import InvalidInput
from cachedb.limits import CONFIG_BYTES
from cachedb.records import Record

if TYPE_CHECKING:
    from cachedb.layout import Layout

FILE = "fleet.json"
"""Name of the file in the private folder of a cache."""


class Membership(Record):
    """URL of the copy of the catalog, and whether it follows every change."""

    url: str
    """URL of the copy, without a password."""
    follows_changes: bool = False
    """Whether every change of the cache is published."""

    @property
    def cache(self) -> str | None:
        """Name of the copy in the fleet, which the URL has as its parameter `cache`.

        Raises:
            InvalidInput: The URL is malformed.
        """
        return ServerAddress.parse(self.url).cache


def read(layout: Layout) -> Membership | None:
    """Return the membership of a cache; None if it has none.

    Raises:
        InvalidInput: The file is damaged, or another user can write it.
    """
    content = layout.read_own(FILE, CONFIG_BYTES)
    if not content:
        return None
    what = f"{str(layout.private / FILE)!r} is damaged, or another user can write it"
    refused = InvalidInput(what, hint="cachedb fleet add URL")
    if not layout.is_own_trusted(FILE):
        raise refused
    try:
        found = json.loads(content)
        return Membership(url=str(found["url"]), follows_changes=found["follows_changes"] is True)
    except (ValueError, KeyError, TypeError) as error:
        raise refused from error


def store(layout: Layout, membership: Membership | None) -> None:
    """Write the membership of a cache, or forget it.

    Raises:
        StorageFailed: The file system refused.
    """
    text = ""
    if membership is not None:
        fields = {"url": membership.url, "follows_changes": membership.follows_changes}
        text = f"{json.dumps(fields)}\n"
    layout.replace_own(FILE, text.encode())
