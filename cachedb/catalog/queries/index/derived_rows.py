"""Statements that read all derived rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from cachedb.catalog.queries.definition import defines
from cachedb.catalog.schema import blob, edge, link, ref
from cachedb.catalog.statements.index import derived_rows

if TYPE_CHECKING:
    from sqlalchemy import Select


@defines(derived_rows.BLOBS)
def blobs() -> Select[*tuple[Any, ...]]:
    """Select every blob."""
    return select(*(blob.c[name] for name in derived_rows.BlobFact._fields))


@defines(derived_rows.LINKS)
def links() -> Select[*tuple[Any, ...]]:
    """Select every link."""
    return select(*(link.c[name] for name in derived_rows.LinkFact._fields))


@defines(derived_rows.EDGES)
def edges() -> Select[int, int]:
    """Select every edge."""
    return select(edge.c.parent_id, edge.c.child_id)


@defines(derived_rows.REFS)
def refs() -> Select[*tuple[Any, ...]]:
    """Select every ref."""
    return select(*(ref.c[name] for name in derived_rows.RefFact._fields))
