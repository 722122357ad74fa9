"""Statements on annotations and configurations of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select

from cachedb.catalog.queries.definition import among_ids, defines
from cachedb.catalog.schema import annotation, config, env, label, platform
from cachedb.catalog.statements.index import documents

if TYPE_CHECKING:
    from sqlalchemy import Delete, Insert, Select


@defines(documents.PLATFORMS)
def platforms() -> Select[*tuple[Any, ...]]:
    """Select every platform."""
    return select(*(platform.c[name] for name in documents.PlatformRow._fields))


@defines(documents.INSERT_PLATFORM)
def insert_platform() -> Insert:
    """Insert a platform."""
    return insert(platform)


@defines(documents.INSERT_ANNOTATIONS)
def insert_annotations() -> Insert:
    """Insert annotations of documents."""
    return insert(annotation)


@defines(documents.INSERT_CONFIGS)
def insert_configs() -> Insert:
    """Insert image configurations."""
    return insert(config)


@defines(documents.INSERT_LABELS)
def insert_labels() -> Insert:
    """Insert labels of image configurations."""
    return insert(label)


@defines(documents.INSERT_ENV)
def insert_env() -> Insert:
    """Insert environment variables."""
    return insert(env)


@defines(documents.DELETE_ANNOTATIONS)
def delete_annotations() -> Delete:
    """Delete annotations of documents."""
    return delete(annotation).where(among_ids(annotation.c.blob_id, "ids"))


@defines(documents.DELETE_CONFIGS)
def delete_configs() -> Delete:
    """Delete image configurations."""
    return delete(config).where(among_ids(config.c.blob_id, "ids"))


@defines(documents.DELETE_LABELS)
def delete_labels() -> Delete:
    """Delete labels of image configurations."""
    return delete(label).where(among_ids(label.c.blob_id, "ids"))


@defines(documents.DELETE_ENV)
def delete_env() -> Delete:
    """Delete environment variables."""
    return delete(env).where(among_ids(env.c.blob_id, "ids"))
