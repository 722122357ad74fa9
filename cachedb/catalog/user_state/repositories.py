"""Repositories in which a blob has been seen, so that a push can mount it from there.

User state, which may be outdated: a registry may have collected the blob since, or refuse access.
A repository is written with its registry, as in ``registry.example.com/team/app``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog.statement import many
from cachedb.catalog.statements import repositories

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachedb.catalog.executor import Connection

_AFTER_SLASH = "0"  # the character behind `/`


def sources(
    connection: Connection, registry: str, repository: str, digests: Iterable[str]
) -> dict[str, str]:
    """Return for each blob another repository of the registry that had it, the last one seen."""
    rows = connection.rows(
        repositories.IN_REGISTRY,
        digests=many(digests),
        low=f"{registry}/",
        high=f"{registry}{_AFTER_SLASH}",
    )
    return {row.digest: row.repository for row in rows if row.repository != repository}


def known_in(connection: Connection, repository: str, digests: Iterable[str]) -> set[str]:
    """Return those of some blobs that a repository has been seen to hold."""
    return set(
        connection.values(repositories.KNOWN_IN, repository=repository, digests=many(digests))
    )


def remember(connection: Connection, repository: str, digests: Iterable[str], now: int) -> None:
    """Record that a repository holds blobs; those without a row are omitted.

    `now` is in microseconds since 1970.
    """
    listed = many(set(digests))
    connection.write(repositories.FORGET, repository=repository, digests=listed)
    connection.write(repositories.RECORD, repository=repository, digests=listed, now=now)


def forget(connection: Connection, repository: str, digests: Iterable[str]) -> None:
    """Delete the record that a repository holds blobs."""
    connection.write(repositories.FORGET, repository=repository, digests=many(set(digests)))
