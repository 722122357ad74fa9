"""Statements on leases: digests that running operations hold."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Insert, Rows, Scalars, Write
from cachedb.records import NamedTuple


class HeldRow(NamedTuple):
    """A digest that a lease holds; times in microseconds since 1970."""

    id: str
    host: str
    expires: int
    digest: str


class TakenRow(NamedTuple):
    """A lease; `expires` is in microseconds since 1970."""

    id: str
    host: str
    expires: int


ALL: Final = Rows("leases.all", TakenRow)
"""Every lease."""
HELD: Final = Rows("leases.held", HeldRow)
"""Every digest that any lease holds."""
ITEMS: Final = Scalars("leases.items", str)
"""The digests that the lease `lease_id` holds."""
OF_HOST: Final = Scalars("leases.of_host", str)
"""The ids of the leases of `host`."""
INSERT: Final = Insert("leases.insert", "id", "host", "pid", "created", "expires")
INSERT_ITEMS: Final = Insert("leases.insert_items", "lease_id", "digest")
DELETE_ITEMS: Final = Write("leases.delete_items")
"""Delete the digests that the leases `lease_ids` hold."""
DELETE: Final = Write("leases.delete")
"""Delete the leases `lease_ids`."""
