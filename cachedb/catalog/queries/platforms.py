"""Statements on platforms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from cachedb.catalog.queries.definition import defines, each_id
from cachedb.catalog.schema import platform
from cachedb.catalog.statements import platforms

if TYPE_CHECKING:
    from sqlalchemy import Select


@defines(platforms.OF_IDS)
def of_ids() -> Select[*tuple[Any, ...]]:
    """Select the platforms of some ids."""
    return select(
        platform.c.id,
        platform.c.os,
        platform.c.architecture,
        platform.c.variant,
        platform.c.os_version,
    ).where(platform.c.id.in_(each_id("ids")))
