"""Disk usage and report of a fleet: what its caches hold, together and each for itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cachedb.catalog import codecs
from cachedb.catalog.server import fleet_statements
from cachedb.catalog.server.fleet_catalog import ALL
from cachedb.records import NamedTuple, Record

if TYPE_CHECKING:
    from cachedb.catalog.server.fleet_catalog import FleetCatalog, Members

_MOST_COMMON = 50


class FleetUsage(NamedTuple):
    """Bytes of the blobs of a cache; `exclusive` are those of blobs that no other cache holds."""

    cache: str
    """Name of the cache."""
    blobs: int
    """Number of blobs with a file."""
    size: int
    """Bytes of these files."""
    shared: int
    """Bytes of the blobs that another cache holds as well."""
    exclusive: int


class FleetTotals(NamedTuple):
    """Bytes of all caches: `total` counts a blob for every cache that holds it, `unique` once."""

    total: int
    shared: int
    """Bytes of `total` whose blobs several caches hold."""
    exclusive: int
    """Bytes of `total` whose blobs one cache holds."""
    unique: int


class FleetReportedCache(NamedTuple):
    """A cache in the report of its fleet.

    `names`, `images`, `blobs`, `missing` and `corrupt` are counts of refs with a name, of digests
    to which refs point, and of blobs with a file, without the one they need, and with wrong
    content. `size`, `shared` and `exclusive` are the bytes of its files, and the parts that other
    caches hold as well or do not. `added`, `pulled` and `published` are the last times of each,
    RFC 3339 in UTC, None without one.
    """

    cache: str
    """Name of the cache."""
    names: int
    images: int
    blobs: int
    size: int
    shared: int
    exclusive: int
    missing: int
    corrupt: int
    added: str | None
    pulled: str | None
    published: str | None


class FleetCommonBlob(NamedTuple):
    """A blob that several caches hold; `copies` is the size of all but one of them."""

    digest: str
    """Digest of the blob."""
    kind: str
    """Name of a `Kind`, in lower case."""
    size: int
    """Bytes of one copy."""
    caches: int
    """Number of caches that hold it."""
    copies: int


class FleetReport(Record):
    """A report on the caches of a fleet, in one state of their catalogs."""

    generated: str
    """Time of the report, RFC 3339 in UTC."""
    totals: FleetTotals
    """Bytes of all caches together."""
    caches: tuple[FleetReportedCache, ...]
    """The caches, by name."""
    common_blobs: tuple[FleetCommonBlob, ...]
    """Those whose copies take the most bytes come first."""


def usage(catalog: FleetCatalog, members: Members = ALL) -> tuple[list[FleetUsage], FleetTotals]:
    """Measure the blobs of every member and of all together.

    Raises as `FleetCatalog.reading` does.
    """
    with catalog.reading(members) as connection:
        rows = fleet_statements.held(connection)
    return [_usage(row) for row in rows], _totals(rows)


def report(
    catalog: FleetCatalog, members: Members = ALL, now: datetime | None = None
) -> FleetReport:
    """Compile the report on the members of a fleet.

    Raises as `FleetCatalog.reading` does.
    """
    with catalog.reading(members) as connection:
        numbers = fleet_statements.members(connection)
        held = {row.cache: row for row in fleet_statements.held(connection)}
        common = fleet_statements.common_blobs(connection, _MOST_COMMON)
    return FleetReport(
        generated=_text(now or datetime.now(UTC)) or "",
        totals=_totals(list(held.values())),
        caches=tuple(_reported(row, held[row.cache]) for row in numbers),
        common_blobs=tuple(
            FleetCommonBlob(
                row.digest,
                codecs.kind(row.kind).name.lower(),
                row.size,
                row.caches,
                row.size * (row.caches - 1),
            )
            for row in common
        ),
    )


def _usage(row: fleet_statements.CacheBytesRow) -> FleetUsage:
    return FleetUsage(row.cache, row.blobs, row.size, row.size - row.exclusive, row.exclusive)


def _totals(rows: list[fleet_statements.CacheBytesRow]) -> FleetTotals:
    total = sum(row.size for row in rows)
    exclusive = sum(row.exclusive for row in rows)
    return FleetTotals(total, total - exclusive, exclusive, sum(row.first for row in rows))


def _reported(
    row: fleet_statements.MemberRow, held: fleet_statements.CacheBytesRow
) -> FleetReportedCache:
    about: dict[str, Any] = {} if row.published is None else json.loads(row.published)
    return FleetReportedCache(
        row.cache,
        row.names,
        row.images,
        row.blobs,
        row.size,
        row.size - held.exclusive,
        held.exclusive,
        row.missing,
        row.corrupt,
        _time(row.added),
        _time(row.pulled),
        _time(about.get("at")),
    )


def _time(value: int | None) -> str | None:
    return None if value is None else _text(codecs.time(value))


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
