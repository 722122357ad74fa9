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
    """Numbers of a cache; `published` is the record of a copy, None of a catalog itself."""

    cache: str
    names: int
    images: int
    blobs: int
    size: int
    missing: int
    corrupt: int
    added: int | None
    pulled: int | None
    published: str | None


class CacheBytesRow(NamedTuple):
    """Bytes of the blobs of a cache; `first` are those that no cache before it holds."""

    cache: str
    blobs: int
    size: int
    exclusive: int
    first: int


class CommonBlobRow(NamedTuple):
    """A blob that several caches hold."""

    digest: str
    kind: int
    size: int
    caches: int


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
