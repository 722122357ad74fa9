"""Statements about the files and names of every cache of a fleet, each of them one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import sql

from cachedb.catalog.enums import PUBLISHED, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachedb.catalog.server.fleet_catalog import FleetConnection

_ON_DISK = (int(State.PRESENT), int(State.CORRUPT))


class MemberRow(NamedTuple):
    """Numbers of the catalog of one cache."""

    cache: str
    """Name of the cache."""
    names: int
    """Number of refs with a name."""
    images: int
    """Number of digests to which refs point."""
    blobs: int
    """Number of blobs with a file."""
    size: int
    """Bytes of these files."""
    missing: int
    """Number of missing blobs."""
    corrupt: int
    """Number of corrupt blobs."""
    added: int | None
    """Time at which the last name was added, in microseconds since 1970; NULL without a name."""
    pulled: int | None
    """Time of the last pull, in microseconds since 1970; NULL without one."""
    published: str | None
    """JSON record of a copy; NULL for a catalog that its cache uses."""


class CacheBytesRow(NamedTuple):
    """Bytes of the files of one cache, beside the other caches of a transaction."""

    cache: str
    """Name of the cache."""
    blobs: int
    """Number of blobs with a file."""
    size: int
    """Bytes of these files."""
    exclusive: int
    """Bytes of the blobs that no other cache holds."""
    first: int
    """Bytes of the blobs that no cache before this one holds, in the order of names."""


class CommonBlobRow(NamedTuple):
    """A blob that several caches hold."""

    digest: str
    """Digest of the blob."""
    kind: int
    """A `Kind`, the smallest where the caches differ."""
    size: int
    """Bytes of the largest copy."""
    caches: int
    """Number of caches that hold it."""


_MEMBER = """
SELECT {name}::TEXT,
 (SELECT COUNT(*) FROM {schema}.ref WHERE name IS NOT NULL),
 (SELECT COUNT(DISTINCT target_id) FROM {schema}.ref),
 (SELECT COUNT(*) FROM {schema}.blob WHERE state IN ({present}, {corrupt})),
 (SELECT COALESCE(SUM(size), 0)::BIGINT FROM {schema}.blob WHERE state IN ({present}, {corrupt})),
 (SELECT COUNT(*) FROM {schema}.blob WHERE state = {missing}),
 (SELECT COUNT(*) FROM {schema}.blob WHERE state = {corrupt}),
 (SELECT MAX(added) FROM {schema}.ref),
 (SELECT MAX(pulled) FROM {schema}.ref),
 (SELECT value FROM {schema}.state WHERE key = {published})"""
_HELD = """
SELECT {name}::TEXT AS cache, digest, kind, size FROM {schema}.blob
WHERE state IN ({present}, {corrupt})"""


def members(connection: FleetConnection) -> list[MemberRow]:
    """Return the numbers of every cache of a connection, in the order of their names."""
    return [MemberRow(*row) for row in _run(connection, _each(connection, _MEMBER))]


def held(connection: FleetConnection) -> list[CacheBytesRow]:
    """Return the bytes that every cache holds, alone and beside others."""
    text = sql.SQL(
        "WITH held AS ({each}), counted AS (SELECT cache, size,"
        " COUNT(*) OVER (PARTITION BY digest) AS holders,"
        " ROW_NUMBER() OVER (PARTITION BY digest ORDER BY cache) AS place FROM held)"
        " SELECT cache, COUNT(*), SUM(size)::BIGINT,"
        " COALESCE(SUM(size) FILTER (WHERE holders = 1), 0)::BIGINT,"
        " COALESCE(SUM(size) FILTER (WHERE place = 1), 0)::BIGINT"
        " FROM counted GROUP BY cache ORDER BY cache"
    ).format(each=_each(connection, _HELD))
    found = {str(row[0]): CacheBytesRow(*row) for row in _run(connection, text)}
    return [found.get(name, CacheBytesRow(name, 0, 0, 0, 0)) for name in connection.caches]


def common_blobs(connection: FleetConnection, most: int) -> list[CommonBlobRow]:
    """Return the blobs whose copies take the most bytes: those that several caches hold."""
    text = sql.SQL(
        "WITH held AS ({each}) SELECT digest, MIN(kind), MAX(size), COUNT(*) FROM held"
        " GROUP BY digest HAVING COUNT(*) > 1"
        " ORDER BY SUM(size) - MAX(size) DESC, digest LIMIT {most}"
    ).format(each=_each(connection, _HELD), most=sql.Literal(most))
    return [CommonBlobRow(*row) for row in _run(connection, text)]


def _each(connection: FleetConnection, text: str) -> sql.Composed:
    """Repeat a statement for every cache."""
    present, corrupt = map(sql.Literal, _ON_DISK)
    parts = (
        sql.SQL(text).format(
            name=sql.Literal(name),
            schema=sql.Identifier(name),
            present=present,
            corrupt=corrupt,
            missing=sql.Literal(int(State.MISSING)),
            published=sql.Literal(PUBLISHED),
        )
        for name in connection.caches
    )
    return sql.SQL(" UNION ALL ").join(parts)


def _run(connection: FleetConnection, text: sql.Composed) -> Iterable[Any]:
    return connection.driver.execute(text) if connection.caches else ()
