"""Statements on documents that name packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from cachedb.catalog.queries.definition import defines
from cachedb.catalog.schema import sbom
from cachedb.catalog.statements import sboms

if TYPE_CHECKING:
    from sqlalchemy import Select


@defines(sboms.UNREAD)
def unread() -> Select[int]:
    """Select one document that was not read yet."""
    return select(sbom.c.document_id).where(sbom.c.packages.is_(None)).limit(1)
