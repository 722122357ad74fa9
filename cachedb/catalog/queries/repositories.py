"""The rows of `repository_blob`: where a blob has been seen, so that a push can mount it.

Hints, never facts: a registry may have collected the blob since, or not let us read there. A
repository is written with its registry, as in ``registry.example.com/team/app``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, literal, select

from cachedb.catalog.index.working_set import chunks
from cachedb.catalog.schema import blob, repository_blob

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Select

    from cachedb.catalog.executor import Connection


def of_registry(registry: str, digests: list[str]) -> Select[str, str, int]:
    """Select which repositories of one registry have some blobs: digest, repository, when seen."""
    return (
        select(blob.c.digest, repository_blob.c.repository, repository_blob.c.seen)
        .join(blob, blob.c.id == repository_blob.c.blob_id)
        .where(
            blob.c.digest.in_(digests),
            repository_blob.c.repository.startswith(f"{registry}/", autoescape=True),
        )
        .order_by(repository_blob.c.seen, repository_blob.c.repository)
    )


def sources(
    connection: Connection, registry: str, repository: str, digests: Iterable[str]
) -> dict[str, str]:
    """Return for each blob another repository of the registry that had it, the last one seen."""
    return {
        digest: found
        for batch in chunks(digests)
        for digest, found, _ in connection.execute(of_registry(registry, batch))
        if found != repository
    }


def known_in(connection: Connection, repository: str, digests: Iterable[str]) -> set[str]:
    """Return which blobs a repository has been seen to hold."""
    return {
        digest
        for batch in chunks(digests)
        for digest in connection.scalars(
            select(blob.c.digest)
            .join(repository_blob, repository_blob.c.blob_id == blob.c.id)
            .where(blob.c.digest.in_(batch), repository_blob.c.repository == repository)
        )
    }


def remember(connection: Connection, repository: str, digests: Iterable[str], now: int) -> None:
    """Note that a repository holds some blobs; one that the catalog does not know is left out."""
    for batch in chunks(set(digests)):
        forget(connection, repository, batch)
        connection.execute(
            insert(repository_blob).from_select(
                ["blob_id", "repository", "seen"],
                select(blob.c.id, literal(repository), literal(now)).where(
                    blob.c.digest.in_(batch)
                ),
            )
        )


def forget(connection: Connection, repository: str, digests: Iterable[str]) -> None:
    """Note that a repository does not hold some blobs, or not for us."""
    for batch in chunks(set(digests)):
        keys = select(blob.c.id).where(blob.c.digest.in_(batch))
        connection.execute(
            delete(repository_blob).where(
                repository_blob.c.repository == repository, repository_blob.c.blob_id.in_(keys)
            )
        )
