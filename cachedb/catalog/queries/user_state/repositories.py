"""Statements on repositories that have been seen to hold blobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, cast, delete, insert, select

from cachedb.catalog.queries.definition import among_ids, among_texts, defines
from cachedb.catalog.schema import blob, repository_blob
from cachedb.catalog.statements import repositories

if TYPE_CHECKING:
    from sqlalchemy import Delete, Insert, Select

_IS_OF_DIGESTS = among_texts(blob.c.digest, "digests")


@defines(repositories.IN_REGISTRY)
def in_registry() -> Select[*tuple[Any, ...]]:
    """Select the repositories of one registry that hold some blobs."""
    return (
        select(blob.c.digest, repository_blob.c.repository, repository_blob.c.seen)
        .join(blob, blob.c.id == repository_blob.c.blob_id)
        .where(
            _IS_OF_DIGESTS,
            repository_blob.c.repository >= bindparam("low"),
            repository_blob.c.repository < bindparam("high"),
        )
        .order_by(repository_blob.c.seen, repository_blob.c.repository)
    )


@defines(repositories.KNOWN_IN)
def known_in() -> Select[str]:
    """Select those of some blobs that a repository holds."""
    return (
        select(blob.c.digest)
        .join(repository_blob, repository_blob.c.blob_id == blob.c.id)
        .where(_IS_OF_DIGESTS, repository_blob.c.repository == bindparam("repository"))
    )


@defines(repositories.RECORD)
def record() -> Insert:
    """Insert that a repository holds some blobs."""
    repository, now = cast(bindparam("repository"), Text), cast(bindparam("now"), BigInteger)
    return insert(repository_blob).from_select(
        ["blob_id", "repository", "seen"],
        select(blob.c.id, repository, now).where(_IS_OF_DIGESTS),
    )


@defines(repositories.FORGET)
def forget() -> Delete:
    """Delete that a repository holds some blobs."""
    return delete(repository_blob).where(
        repository_blob.c.repository == bindparam("repository"),
        repository_blob.c.blob_id.in_(select(blob.c.id).where(_IS_OF_DIGESTS)),
    )


@defines(repositories.FORGET_BLOBS)
def forget_blobs() -> Delete:
    """Delete the rows of some blobs."""
    return delete(repository_blob).where(among_ids(repository_blob.c.blob_id, "ids"))
