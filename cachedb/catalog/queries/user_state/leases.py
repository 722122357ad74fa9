"""Statements on leases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, insert, select

from cachedb.catalog.queries.definition import among_texts, defines
from cachedb.catalog.schema import lease, lease_item
from cachedb.catalog.statements import leases

if TYPE_CHECKING:
    from sqlalchemy import Delete, Insert, Select


@defines(leases.ALL)
def every() -> Select[*tuple[Any, ...]]:
    """Select every lease."""
    return select(lease.c.id, lease.c.host, lease.c.expires)


@defines(leases.HELD)
def held() -> Select[*tuple[Any, ...]]:
    """Select the digests that leases hold."""
    return select(lease.c.id, lease.c.host, lease.c.expires, lease_item.c.digest).join(
        lease_item, lease_item.c.lease_id == lease.c.id
    )


@defines(leases.ITEMS)
def items() -> Select[str]:
    """Select the digests that one lease holds."""
    return select(lease_item.c.digest).where(lease_item.c.lease_id == bindparam("lease_id"))


@defines(leases.OF_HOST)
def of_host() -> Select[str]:
    """Select the leases of one host."""
    return select(lease.c.id).where(lease.c.host == bindparam("host"))


@defines(leases.INSERT)
def insert_lease() -> Insert:
    """Insert a lease."""
    return insert(lease)


@defines(leases.INSERT_ITEMS)
def insert_items() -> Insert:
    """Insert digests that leases hold."""
    return insert(lease_item)


@defines(leases.DELETE_ITEMS)
def delete_items() -> Delete:
    """Delete the digests that leases hold."""
    return delete(lease_item).where(among_texts(lease_item.c.lease_id, "lease_ids"))


@defines(leases.DELETE)
def delete_leases() -> Delete:
    """Delete leases."""
    return delete(lease).where(among_texts(lease.c.id, "lease_ids"))
