"""Statements of reconciliation on rows of `blob`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from cachedb.catalog.queries.definition import among_ids, among_texts, defines
from cachedb.catalog.schema import blob
from cachedb.catalog.statements.index import stored_blobs

if TYPE_CHECKING:
    from sqlalchemy import Delete, Insert, Select, Update

_COLUMNS = stored_blobs.StoredBlob._fields


@defines(stored_blobs.FILES)
def files() -> Select[*tuple[Any, ...]]:
    """Select the blobs that have a file."""
    return select(blob.c.digest, blob.c.size, blob.c.touched).where(blob.c.touched.is_not(None))


@defines(stored_blobs.NAMES_OF)
def names_of() -> Select[int, str]:
    """Select the ids of some digests."""
    return select(blob.c.id, blob.c.digest).where(among_texts(blob.c.digest, "digests"))


@defines(stored_blobs.OF_DIGESTS)
def of_digests() -> Select[*tuple[Any, ...]]:
    """Select the rows of some digests."""
    return _rows().where(among_texts(blob.c.digest, "digests"))


@defines(stored_blobs.OF_IDS)
def of_ids() -> Select[*tuple[Any, ...]]:
    """Select the rows of some ids."""
    return _rows().where(among_ids(blob.c.id, "ids"))


@defines(stored_blobs.NEXT_ID)
def next_id() -> Select[int]:
    """Select one more than the largest id."""
    return select((func.coalesce(func.max(blob.c.id), 0) + 1).label("next_id"))


@defines(stored_blobs.INSERT)
def insert_rows() -> Insert:
    """Insert whole rows."""
    return insert(blob)


@defines(stored_blobs.UPDATE)
def update_row() -> Update:
    """Update one row."""
    values: dict[str, Any] = {name: bindparam(name) for name in _COLUMNS[2:]}
    return update(blob).where(blob.c.id == bindparam("row_id")).values(**values)


@defines(stored_blobs.DELETE)
def delete_rows() -> Delete:
    """Delete some rows."""
    return delete(blob).where(among_ids(blob.c.id, "ids"))


def _rows() -> Select[*tuple[Any, ...]]:
    return select(*(blob.c[name] for name in _COLUMNS))
