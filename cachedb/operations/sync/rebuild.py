"""Rebuild of the catalog from the files, and of index.json from its copy in the catalog."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from cachedb.catalog.index.derived_rows import facts
from cachedb.catalog.user_state.rescue import UserState
from cachedb.errors import (
    CatalogMismatch,
    LimitExceeded,
    NotALayout,
    Refused,
    StorageFailed,
)
from cachedb.operations.sync import index_backup, reconcile
from cachedb.records import Record

if TYPE_CHECKING:
    from cachedb.catalog.place import CatalogPlace
    from cachedb.layout import Layout

BROKEN_INDEX = "index.json.broken"


class Rebuilt(Record):
    """Numbers of a new catalog: derived rows, and rows of user state kept from the old one."""

    facts: int
    """Number of derived rows."""
    user_state: int


def rebuild(layout: Layout, place: CatalogPlace) -> Rebuilt:
    """Rebuild a catalog from the files, and keep user state that is still true.

    Publishing and collection wait meanwhile. The old catalog is kept, with ``.bak`` behind its
    name.

    Raises:
        NotALayout: index.json cannot be read; the catalog stays as it was.
        SchemaTooNew: A newer cachedb has written the catalog.
        StorageFailed: The new catalog cannot be written; the old one stays.
    """
    with layout.sweeping():
        user_state = _user_state(place)
        with place.replacing() as catalog:
            reconcile.reconcile(layout, catalog)
            kept = 0
            with suppress(CatalogMismatch), catalog.writing() as connection:
                kept = user_state.write(connection)
            with catalog.reading() as connection:
                broken = connection.faults()
                many = len(facts(connection))
            if broken:
                raise StorageFailed(f"the new catalog is damaged: {broken[0]}")
    return Rebuilt(facts=many, user_state=kept)


def restore_names(layout: Layout, place: CatalogPlace) -> int:
    """Replace an unreadable index.json by its copy in the catalog; return its number of entries.

    The unreadable file is kept in the private folder of the cache.

    Raises:
        Refused: index.json can be read, or there is no copy that can.
    """
    with layout.locking_names():
        try:
            layout.index()
        except (NotALayout, LimitExceeded):
            pass
        else:
            raise Refused("index.json can be read: there is nothing to restore")
        index = index_backup.find(place)
        if index is None:
            raise Refused("the catalog has no copy of index.json that can be read")
        with suppress(NotALayout, LimitExceeded):
            layout.replace_own(BROKEN_INDEX, layout.read_index_json())
        layout.replace_index(index)
    return len(index.entries)


def _user_state(place: CatalogPlace) -> UserState:
    try:
        if not place.exists():
            return UserState()
        catalog = place.open()  # one of an older version is upgraded
    except CatalogMismatch:
        return UserState()
    try:
        return UserState.read(catalog)
    finally:
        catalog.close()
