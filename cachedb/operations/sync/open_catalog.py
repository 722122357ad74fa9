"""Open the catalog of a layout: as it is, brought in step, or made in memory.

What brings a catalog in step is imported only when there is something to settle.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachedb.catalog.connect import Catalog
from cachedb.catalog.database_file import CATALOG
from cachedb.errors import CatalogMismatch, StorageFailed
from cachedb.operations.sync.freshness import is_in_step, is_settled

if TYPE_CHECKING:
    from cachedb.layout import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A catalog in step with its layout."""

    catalog: Catalog
    is_makeshift: bool = False
    """It is in memory because there is no room on the disk: `make_room` finds some."""


def open_catalog(layout: Layout) -> Opened:
    """Open the catalog, and settle what others have left to be settled.

    On a layout that may only be read, and on a full disk, it is made in memory when the one on
    disk is not in step.

    Raises:
        SchemaTooNew: A newer cachedb has written it.
        StorageFailed: What a collection has left half-way cannot be undone.
    """
    if not layout.is_writable:
        return Opened(catalog=_open_to_read(layout))
    catalog = _open_to_write(layout)
    if _is_settled(layout, catalog) or _settle(layout, catalog):
        return Opened(catalog=catalog)
    catalog.close()
    return Opened(catalog=_make_in_memory(layout), is_makeshift=True)


def make_room(layout: Layout) -> Catalog:
    """Free what failed operations have left, and go back to the catalog on the full disk.

    Only that one knows what running operations hold.

    Raises:
        StorageFailed: There still is no room.
    """
    from cachedb.operations.sync import reconcile, recover  # noqa: PLC0415

    layout.release_reserve()
    catalog = _open_to_write(layout)
    recover.clear_staging(layout, catalog)
    reconcile.bring_in_step(layout, catalog)
    return catalog


def _open_to_read(layout: Layout) -> Catalog:
    with suppress(CatalogMismatch, StorageFailed):
        catalog = Catalog.open_read_only(layout.private / CATALOG)
        with catalog.reading() as connection:
            in_step = is_in_step(layout, connection)
        if in_step:
            return catalog
        catalog.close()
    return _make_in_memory(layout)


def _open_to_write(layout: Layout) -> Catalog:
    path = layout.private / CATALOG
    layout.make_private()
    try:
        return Catalog.open(path)
    except CatalogMismatch:
        # It holds nothing that cannot be made again; what was wrong with it may be of interest.
        layout.set_aside(CATALOG)
        return Catalog.open(path)


def _is_settled(layout: Layout, catalog: Catalog) -> bool:
    with catalog.reading() as connection:
        return is_settled(layout, connection)


def _settle(layout: Layout, catalog: Catalog) -> bool:
    """Bring the catalog in step, and undo what has to be undone; False if there is no room."""
    from cachedb.operations.sync import reconcile, recover  # noqa: PLC0415

    recover.undo_killed_sweeps(layout)
    try:
        reconcile.bring_in_step(layout, catalog)
        recover.restore_needed(layout, catalog)
    except StorageFailed:
        return False
    return True


def _make_in_memory(layout: Layout) -> Catalog:
    from cachedb.operations.sync import reconcile  # noqa: PLC0415

    catalog = Catalog.in_memory()
    reconcile.bring_in_step(layout, catalog)
    return catalog
