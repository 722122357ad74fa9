"""Opening of the catalog of a layout: on disk, reconciled, or in memory.

The modules of reconciliation are imported only when the catalog is not up to date.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from cachedb.catalog.connect import Catalog
from cachedb.catalog.database_file import CATALOG
from cachedb.catalog.place import CatalogFile
from cachedb.errors import CacheError, CatalogMismatch, InvalidInput, StorageFailed
from cachedb.operations.sync.freshness import is_behind, is_ready, is_up_to_date
from cachedb.records import Record

if TYPE_CHECKING:
    from types import ModuleType

    from cachedb.catalog.place import CatalogPlace
    from cachedb.layout import Layout


class Opened(Record):
    """A catalog that is up to date with its layout."""

    catalog: Catalog
    is_in_memory: bool = False
    """Whether it is in memory because the disk is full: `make_room` frees some space."""


def open_catalog(layout: Layout, url: str | None = None) -> Opened:
    """Open the catalog, reconcile it, and undo an interrupted collection.

    It is in the server of a URL, else in a file. On a read-only layout and on a full disk it is
    created in memory if the one on disk is not up to date.

    Raises:
        SchemaTooNew: A newer cachedb has written it.
        StorageFailed: An interrupted collection cannot be undone, or the server cannot be used.
        CatalogOfAnother: The catalog in the server is that of another layout.
    """
    if url is not None:
        return Opened(catalog=server_catalogs().open_on_server(layout, url))
    if not layout.is_writable:
        return Opened(catalog=_open_to_read(layout))
    catalog = _open_to_write(layout)
    if _is_ready(layout, catalog) or _reconcile(layout, catalog):
        _read_journal(layout, catalog)
        return Opened(catalog=catalog)
    catalog.close()
    return Opened(catalog=_make_in_memory(layout), is_in_memory=True)


def place_of(layout: Layout, url: str | None) -> CatalogPlace:
    """Return the place of the catalog of a layout: in the server of a URL, else a file.

    Raises:
        InvalidInput: The URL is malformed.
    """
    if url is None:
        return CatalogFile(path=layout.private / CATALOG)
    found: CatalogPlace = server_catalogs().place(layout, url)
    return found


def server_catalogs() -> ModuleType:
    """Import what opens catalogs in servers, which needs the driver of an extra.

    Raises:
        InvalidInput: The driver is not installed.
    """
    try:
        from cachedb.operations.sync import server_catalog  # noqa: PLC0415
    except ImportError as error:
        if (error.name or "psycopg").partition(".")[0] != "psycopg":
            raise
        what = "a catalog in a server needs psycopg, which is not installed"
        raise InvalidInput(what, hint="pip install 'cachedb[postgresql]'") from error
    return server_catalog


def make_room(layout: Layout) -> Catalog:
    """Delete leftovers of failed operations, and open the catalog on the full disk.

    Only the catalog on disk has the leases of running operations.

    Raises:
        StorageFailed: The disk is still full.
    """
    from cachedb.operations.sync import reconcile, recover  # noqa: PLC0415

    layout.release_reserve()
    catalog = _open_to_write(layout)
    recover.clear_staging(layout, catalog)
    reconcile.bring_up_to_date(layout, catalog)
    return catalog


def _open_to_read(layout: Layout) -> Catalog:
    with suppress(CatalogMismatch, StorageFailed):
        if layout.is_private_trusted:
            catalog = Catalog.open_read_only(layout.private / CATALOG)
            with catalog.reading() as connection:
                up_to_date = is_up_to_date(layout, connection)
            if up_to_date:
                return catalog
            catalog.close()
    return _open_personal(layout) or _make_in_memory(layout)


def _open_personal(layout: Layout) -> Catalog | None:
    """Reconcile the personal catalog of a read-only layout; return None without one.

    Without it, each command would read the whole layout: seconds for 10 000 images.
    """
    from cachedb.operations.sync import personal_catalog, reconcile  # noqa: PLC0415

    path = personal_catalog.path_of(layout)
    if path is None:
        return None
    with suppress(CacheError, OSError):
        catalog = Catalog.open(path)
        try:
            reconcile.bring_up_to_date(layout, catalog)
        except BaseException:
            catalog.close()
            raise
        return catalog
    return None


def _open_to_write(layout: Layout) -> Catalog:
    path = layout.private / CATALOG
    layout.make_private()
    try:
        return Catalog.open(path)
    except CatalogMismatch:
        # Every row can be derived again; the damaged file is kept for inspection.
        layout.set_aside(CATALOG)
        return Catalog.open(path)


def _is_ready(layout: Layout, catalog: Catalog) -> bool:
    with catalog.reading() as connection:
        return is_ready(layout, connection)


def _reconcile(layout: Layout, catalog: Catalog) -> bool:
    """Reconcile, and undo an interrupted collection; False if the disk is full."""
    from cachedb.operations.sync import reconcile, recover  # noqa: PLC0415

    recover.undo_killed_sweeps(layout)
    try:
        reconcile.bring_up_to_date(layout, catalog)
        recover.restore_needed(layout, catalog)
    except StorageFailed:
        return False
    return True


def _read_journal(layout: Layout, catalog: Catalog) -> None:
    """Enter new uses and pins; on an error, the next command enters them."""
    with suppress(CacheError):
        with catalog.reading() as connection:
            behind = is_behind(layout, connection)
        if behind:
            from cachedb.operations.sync import history  # noqa: PLC0415

            history.bring_up_to_date(layout, catalog)


def _make_in_memory(layout: Layout) -> Catalog:
    from cachedb.operations.sync import reconcile  # noqa: PLC0415

    catalog = Catalog.in_memory()
    reconcile.bring_up_to_date(layout, catalog)
    return catalog
