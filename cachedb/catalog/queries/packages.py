"""Statements on packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from cachedb.catalog.queries.definition import defines, each_id
from cachedb.catalog.schema import blob_package, package
from cachedb.catalog.statements import packages

if TYPE_CHECKING:
    from sqlalchemy import Select


@defines(packages.FOUND)
def found() -> Select[*tuple[Any, ...]]:
    """Select the packages of some blobs."""
    return (
        select(
            blob_package.c.blob_id,
            package.c.name,
            package.c.version,
            package.c.type,
            package.c.license,
            package.c.purl,
            package.c.vkey,
            package.c.id,
        )
        .join(package, package.c.id == blob_package.c.package_id)
        .where(blob_package.c.blob_id.in_(each_id("targets")))
        .distinct()
        .order_by(package.c.name, package.c.vkey, package.c.id)
    )
