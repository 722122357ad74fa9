"""Members of a fleet: what there is of each cache in the database, and its removal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cachedb.catalog import codecs, state
from cachedb.catalog.enums import PUBLISHED
from cachedb.catalog.server import fleet_statements
from cachedb.catalog.server.catalog import ServerCatalog
from cachedb.errors import InvalidInput, NotFound
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from cachedb.catalog.server.address import ServerAddress
    from cachedb.catalog.server.fleet_catalog import FleetCatalog

LIVE, COPY, UNKNOWN = "catalog", "copy", "other version"


class FleetMember(NamedTuple):
    """A cache of a fleet.

    `source` is `catalog` if the cache keeps its catalog in the database, `copy` if a host
    publishes it, and `other version` if it cannot be read; then it has no numbers.
    """

    cache: str
    """Name of the cache."""
    source: str
    schema: int
    """Revision of the schema of its catalog; 0 if it is not legible."""
    names: int | None = None
    """Number of refs with a name."""
    images: int | None = None
    """Number of digests to which refs point."""
    blobs: int | None = None
    """Number of blobs with a file."""
    size: int | None = None
    """Bytes of these files."""
    host: str | None = None
    """Host that published the copy; None for a catalog that its cache uses."""
    published: datetime | None = None
    """Time of the publication by the clock of the server, in UTC; None as `host`."""


def members(catalog: FleetCatalog) -> list[FleetMember]:
    """List the caches of a fleet by name, also those of another version.

    Raises:
        StorageFailed: The server cannot be reached, or refuses the user.
    """
    with catalog.reading_any() as (connection, versions):
        rows = {row.cache: row for row in fleet_statements.members(connection)}
    return [_member(name, version, rows.get(name)) for name, version in versions.items()]


def _member(name: str, version: int, row: fleet_statements.MemberRow | None) -> FleetMember:
    if row is None:
        return FleetMember(name, UNKNOWN, version)
    about = {} if row.published is None else json.loads(row.published)
    return FleetMember(
        name,
        LIVE if row.published is None else COPY,
        version,
        row.names,
        row.images,
        row.blobs,
        row.size,
        about.get("host"),
        codecs.time(about["at"]) if about else None,
    )


def remove(address: ServerAddress, name: str) -> None:
    """Remove the copy of a catalog from a fleet; the cache itself stays as it is.

    Raises:
        NotFound: There is no such cache in the database.
        InvalidInput: It is not a copy: the catalog of a cache is in use by its hosts.
        StorageFailed: The server cannot be reached, or refuses the user.
    """
    if not ServerCatalog.exists(address, name):
        what = f"no cache of the fleet is called {name!r}"
        raise NotFound(what, hint="cachedb fleet list")
    copy = ServerCatalog.connect_read_only(address, name)
    try:
        with copy.reading() as connection:
            is_copy = state.read(connection, PUBLISHED) is not None
    finally:
        copy.close()
    if not is_copy:
        raise InvalidInput(
            f"{name!r} is the catalog of a cache, which its hosts use, and not a copy",
            hint="move the cache to a catalog of its own first",
        )
    ServerCatalog.drop(address, name)
