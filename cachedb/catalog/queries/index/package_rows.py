"""Statements on packages and on the blobs at which they are entered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Integer,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    select,
)

from cachedb.catalog.queries.definition import among_ids, defines, each_row
from cachedb.catalog.schema import blob_package, package
from cachedb.catalog.statements.index import package_rows

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Delete, Insert, Select

_IDENTITY = ("name", "version", "scheme", "purl", "license", "type")
_ENTRY = ["blob_id", "package_id", "document_id"]
_IN = among_ids(blob_package.c.blob_id, "ids")
_BY = among_ids(blob_package.c.document_id, "ids")
_BY_IN = (blob_package.c.document_id == bindparam("document_id")) & (
    blob_package.c.blob_id == bindparam("target_id")
)


@defines(package_rows.LOOK_UP)
def look_up() -> Select[int, int]:
    """Select the packages that equal bound ones in every column."""
    # A join is how several columns are looked up by an index: for a list of row values SQLite
    # scans, and a statement for each package takes three times as long.
    types = {"key": Integer(), **dict.fromkeys(_IDENTITY, Text())}
    wanted = each_row("packages", **types).subquery("wanted")
    same = and_(*(package.c[name] == wanted.c[name] for name in _IDENTITY))
    return select(wanted.c.key, package.c.id).join(package, same)


@defines(package_rows.NEXT_ID)
def next_id() -> Select[int]:
    """Select one more than the largest id."""
    return select((func.coalesce(func.max(package.c.id), 0) + 1).label("next_id"))


@defines(package_rows.INSERT)
def insert_packages() -> Insert:
    """Insert packages."""
    return insert(package)


@defines(package_rows.ENTER)
def enter() -> Insert:
    """Insert that documents name packages in blobs."""
    return insert(blob_package)


@defines(package_rows.ENTER_MISSING)
def enter_missing() -> Insert:
    """Insert that a document names packages in a blob, unless the row exists."""
    target = cast(bindparam("target_id"), BigInteger)
    document = cast(bindparam("document_id"), BigInteger)
    here = blob_package.alias("here")
    is_here = exists(
        select(1).where(
            here.c.blob_id == bindparam("target_id"),
            here.c.package_id == package.c.id,
            here.c.document_id == bindparam("document_id"),
        )
    )
    found = select(target, package.c.id, document).where(among_ids(package.c.id, "ids"), ~is_here)
    return insert(blob_package).from_select(_ENTRY, found)


@defines(package_rows.COPY)
def copy() -> Insert:
    """Copy the packages of a document from one blob to another."""
    listed = select(
        cast(bindparam("target_id"), BigInteger),
        blob_package.c.package_id,
        blob_package.c.document_id,
    ).where(
        blob_package.c.document_id == bindparam("document_id"),
        blob_package.c.blob_id == bindparam("source_id"),
    )
    return insert(blob_package).from_select(_ENTRY, listed)


@defines(package_rows.COUNTS)
def counts() -> Select[int, int]:
    """Select how many packages of a document are entered at each blob."""
    return (
        select(blob_package.c.blob_id, func.count().label("packages"))
        .where(blob_package.c.document_id == bindparam("document_id"))
        .group_by(blob_package.c.blob_id)
    )


@defines(package_rows.ENTERED)
def entered() -> Select[int, int]:
    """Select the blobs at which packages of documents are entered."""
    return select(blob_package.c.document_id, blob_package.c.blob_id).where(_BY).distinct()


@defines(package_rows.NAMED_IN)
def named_in() -> Select[int]:
    """Select the packages that are entered at blobs."""
    return _named(_IN)


@defines(package_rows.NAMED_BY)
def named_by() -> Select[int]:
    """Select the packages that documents name."""
    return _named(_BY)


@defines(package_rows.NAMED_BY_IN)
def named_by_in() -> Select[int]:
    """Select the packages that a document names at a blob."""
    return _named(_BY_IN)


@defines(package_rows.DELETE_IN)
def delete_in() -> Delete:
    """Delete the packages entered at blobs."""
    return delete(blob_package).where(_IN)


@defines(package_rows.DELETE_BY)
def delete_by() -> Delete:
    """Delete the packages of documents."""
    return delete(blob_package).where(_BY)


@defines(package_rows.DELETE_BY_IN)
def delete_by_in() -> Delete:
    """Delete the packages of a document at a blob."""
    return delete(blob_package).where(_BY_IN)


@defines(package_rows.DELETE_UNNAMED)
def delete_unnamed() -> Delete:
    """Delete packages that no document names."""
    is_named = exists(select(1).where(blob_package.c.package_id == package.c.id))
    return delete(package).where(among_ids(package.c.id, "ids"), ~is_named)


def _named(condition: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    return select(blob_package.c.package_id).where(condition).distinct()
