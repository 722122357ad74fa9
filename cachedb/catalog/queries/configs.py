"""Statements on image configurations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from cachedb.catalog.enums import Role
from cachedb.catalog.queries.definition import defines
from cachedb.catalog.schema import blob, config, env, label, link
from cachedb.catalog.statements import configs

if TYPE_CHECKING:
    from sqlalchemy import Select


@defines(configs.OF_MANIFEST)
def of_manifest() -> Select[*tuple[Any, ...]]:
    """Select the configuration of a manifest."""
    return (
        select(
            config.c.blob_id,
            blob.c.digest,
            config.c.created,
            config.c.author,
            config.c.user,
            config.c.working_dir,
            config.c.entrypoint,
            config.c.cmd,
        )
        .join(link, link.c.child_id == config.c.blob_id)
        .join(blob, blob.c.id == config.c.blob_id)
        .where(link.c.parent_id == bindparam("blob_id"), link.c.role == int(Role.CONFIG))
    )


@defines(configs.ENV)
def variables() -> Select[str, str]:
    """Select the environment variables of a configuration."""
    return (
        select(env.c.key, env.c.value)
        .where(env.c.blob_id == bindparam("blob_id"))
        .order_by(env.c.key)
    )


@defines(configs.LABELS)
def labels() -> Select[str, str]:
    """Select the labels of a configuration."""
    return (
        select(label.c.key, label.c.value)
        .where(label.c.blob_id == bindparam("blob_id"))
        .order_by(label.c.key)
    )
