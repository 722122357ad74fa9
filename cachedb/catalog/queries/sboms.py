"""Statements on documents that name packages, and on packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from cachedb.catalog.queries.definition import defines, each_id
from cachedb.catalog.schema import blob_package, package, sbom
from cachedb.catalog.statements import sboms

if TYPE_CHECKING:
    from sqlalchemy import Select


@defines(sboms.UNREAD)
def unread() -> Select[int]:
    """Select one document that was not read yet."""
    return select(sbom.c.document_id).where(sbom.c.packages.is_(None)).limit(1)


@defines(sboms.PACKAGES)
def packages() -> Select[*tuple[Any, ...]]:
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
