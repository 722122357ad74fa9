"""Catalog of a layout in a server: which schema is its own, opened and reconciled.

The layout keeps an identifier in its private folder, which names the schema unless the URL does.
The catalog records the identifier together with the inode of its file: a copy of the layout has
the identifier and another inode, and must not write the catalog of the original. Hosts that mount
one layout at several paths see one inode.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from cachedb.catalog import state
from cachedb.catalog.server.address import ServerAddress
from cachedb.catalog.server.catalog import ServerCatalog
from cachedb.errors import CacheError, CatalogMismatch, Refused, StorageFailed
from cachedb.operations.sync import history, reconcile, recover
from cachedb.operations.sync.freshness import is_ready
from cachedb.records import Record

if TYPE_CHECKING:
    from cachedb.layout import Layout

IDENTIFIER = "cache-id"
"""Name of the file in the private folder of a cache."""
OWNER = "server owner"
"""Key of the state of a catalog: identifier and inode of the layout that it is about."""
_MOST_BYTES = 64
_NEW = "rm .cachedb/cache-id in the copy: it gets a catalog of its own"


class LayoutIdentity(Record):
    """Identifier of a layout, and the inode of the file that holds it."""

    identifier: str
    inode: int

    def __str__(self) -> str:
        return f"{self.identifier} {self.inode}"


def identity(layout: Layout) -> LayoutIdentity:
    """Return the identity of a layout, which is made when it is first asked for.

    Raises:
        StorageFailed: The layout is read-only and has none, or the file system refused.
        CatalogMismatch: The file is damaged.
    """
    path = layout.private / IDENTIFIER
    try:
        if not path.exists():
            if not layout.is_writable:
                what = "a read-only cache has no identifier, which names its catalog in a server"
                raise StorageFailed(what, hint="name it: --catalog URL?cache=NAME")
            layout.make_private()
            layout.replace_own(IDENTIFIER, f"{uuid4()}\n".encode())
        text, inode = path.read_bytes()[:_MOST_BYTES], path.stat().st_ino
    except OSError as error:
        raise StorageFailed.of(error, f"read {str(path)!r}") from error
    try:
        return LayoutIdentity(identifier=str(UUID(text.decode().strip())), inode=inode)
    except ValueError as error:
        what = f"{str(path)!r} is no identifier"
        raise CatalogMismatch(what, hint="remove it: a new one is made") from error


def schema_of(address: ServerAddress, identity: LayoutIdentity) -> str:
    """Return the name of the schema of a layout."""
    return address.cache or identity.identifier


def open_on_server(layout: Layout, url: str) -> ServerCatalog:
    """Open the catalog of a layout in a server, reconcile it, and undo a killed collection.

    Raises:
        InvalidInput: The URL is malformed.
        StorageFailed: The server cannot be reached or is read-only.
        CatalogMismatch: The database or the schema is not one for this catalog.
        Refused: The schema is the catalog of another layout, or of the original of a copy.
        SchemaTooNew: A newer cachedb has written it.
    """
    address = ServerAddress.parse(url)
    mine = identity(layout)
    catalog = ServerCatalog.connect(address, schema_of(address, mine))
    try:
        _own(catalog, mine)
        with catalog.reading() as connection:
            ready = is_ready(layout, connection)
        if not ready:
            recover.undo_killed_sweeps(layout)
            reconcile.bring_up_to_date(layout, catalog)
            recover.restore_needed(layout, catalog)
        with suppress(CacheError):
            history.bring_up_to_date(layout, catalog)
    except BaseException:
        catalog.close()
        raise
    return catalog


def _own(catalog: ServerCatalog, mine: LayoutIdentity) -> None:
    """Enter the owner of a new catalog; refuse that of another layout."""
    with catalog.reading() as connection:
        owner = state.read(connection, OWNER)
    if owner is None:
        with catalog.writing() as connection:
            owner = state.read(connection, OWNER)
            if owner is None:
                state.write(connection, OWNER, str(mine))
                return
    if owner == str(mine):
        return
    if owner.partition(" ")[0] == mine.identifier:
        raise Refused("this layout is a copy of one whose catalog is in the server", hint=_NEW)
    raise Refused(
        f"the catalog {catalog.schema!r} in the server is that of another cache",
        hint="choose another name: ?cache=NAME; or take it over: cachedb doctor --rebuild",
    )
