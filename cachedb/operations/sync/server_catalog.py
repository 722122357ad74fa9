"""Catalog of a layout in a server: its schema, opened and reconciled.

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
from cachedb.catalog.enums import FINGERPRINT, NAMES, OWNER
from cachedb.catalog.server.address import ServerAddress
from cachedb.catalog.server.catalog import ServerCatalog
from cachedb.catalog.server.place import ATTACH, NEW_CATALOG, CatalogSchema
from cachedb.errors import (
    CacheError,
    CatalogMismatch,
    CatalogOfAnother,
    InvalidInput,
    LimitExceeded,
    NotALayout,
    StorageFailed,
)
from cachedb.feedback.log import Logger
from cachedb.layout.fingerprint import Fingerprint
from cachedb.operations.sync.freshness import is_behind, is_ready
from cachedb.records import Record

if TYPE_CHECKING:
    from cachedb.catalog.executor import Connection
    from cachedb.layout import Layout

IDENTIFIER = "cache-id"
"""Name of the file in the private folder of a cache."""
_MOST_BYTES = 64
_log = Logger(__name__)


class LayoutIdentity(Record):
    """Identifier of a layout, and the inode of the file that holds it."""

    identifier: str
    inode: int

    def __str__(self) -> str:
        return f"{self.identifier} {self.inode}"


def known_identity(layout: Layout) -> LayoutIdentity | None:
    """Return the identity of a layout; None if it has none yet.

    Raises:
        StorageFailed: The file cannot be read.
        CatalogMismatch: It is damaged.
    """
    path = layout.private / IDENTIFIER
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES)
        inode = path.stat().st_ino
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageFailed.of(error, f"read {str(path)!r}") from error
    try:
        return LayoutIdentity(identifier=str(UUID(text.decode().strip())), inode=inode)
    except ValueError as error:
        what = f"{str(path)!r} is not an identifier"
        raise CatalogMismatch(what, hint=f"rm {path}; {ATTACH}") from error


def identify(layout: Layout, identifier: str | None = None) -> LayoutIdentity:
    """Give a layout an identity if it has none yet: an identifier, which is random if None.

    Hosts that do so at the same moment agree on one, by the lock of the names.

    Raises:
        StorageFailed: The layout is read-only, or the file system refused.
    """
    if not layout.is_writable:
        what = "a read-only cache has no identifier, which names its catalog in a server"
        raise StorageFailed(what, hint="open it once where it can be written")
    layout.make_private()
    with layout.locking_names():
        found = known_identity(layout)
        if found is None:
            layout.replace_own(IDENTIFIER, f"{identifier or uuid4()}\n".encode())
            found = known_identity(layout)
    assert found is not None
    return found


def place(layout: Layout, url: str) -> CatalogSchema:
    """Return the place of the catalog of a layout; one without a schema if it has no identity.

    Raises:
        InvalidInput: The URL is malformed.
        CatalogMismatch: The identifier of the layout is damaged.
    """
    address = ServerAddress.parse(url)
    mine = known_identity(layout)
    if mine is None:
        return CatalogSchema(address=address, schema="", owner="")
    return _place(address, mine)


def open_on_server(layout: Layout, url: str) -> ServerCatalog:
    """Open the catalog of a layout in a server, reconcile it, and undo a killed collection.

    Raises:
        InvalidInput: The URL is malformed.
        StorageFailed: The server cannot be reached or is read-only.
        CatalogMismatch: The database or the schema is not one for this catalog.
        CatalogOfAnother: The schema is the catalog of another layout, of the original of a copy,
            or this layout had a catalog before and has lost its identifier.
        SchemaTooNew: A newer cachedb has written it.
    """
    address = ServerAddress.parse(url)
    mine = known_identity(layout)
    if mine is None:
        if address.cache is None:
            _refuse_second_catalog(layout, address)
        mine = identify(layout)
    place = _place(address, mine)
    catalog = place.open()
    _log.info("catalog: %s", place.shown)
    try:
        _bring_up_to_date(layout, catalog)
    except BaseException:
        catalog.close()
        raise
    return catalog


def attach(layout: Layout, url: str) -> str:
    """Make a catalog in a server that of a layout; return the name of its schema.

    It is the catalog that the URL names, else that of the identifier of the layout. A layout
    without an identifier gets the name of the catalog for one if that is an identifier. The next
    command reconciles the catalog. The layout that it was of before is refused from then on.

    Raises:
        InvalidInput: The URL is malformed, or names no catalog.
        CatalogMismatch: There is no such catalog.
        StorageFailed: The server cannot be reached, or the layout is read-only.
    """
    address = ServerAddress.parse(url)
    mine = known_identity(layout)
    if mine is None and address.cache is None:
        raise InvalidInput("no catalog is named", hint="--catalog URL?cache=NAME")
    schema = address.cache or str(mine and mine.identifier)
    catalog = ServerCatalog.connect_read_only(address, schema)
    try:
        if mine is None:
            mine = identify(layout, _as_identifier(schema))
        with catalog.writing() as connection:
            state.write(connection, OWNER, str(mine))
    finally:
        catalog.close()
    return schema


def detach(layout: Layout) -> str:
    """Give a layout a new identifier, and with it a catalog of its own; return the identifier.

    Raises:
        StorageFailed: The layout is read-only, or the file system refused.
    """
    layout.make_private()
    with layout.locking_names():
        layout.replace_own(IDENTIFIER, f"{uuid4()}\n".encode())
    return identify(layout).identifier


def _place(address: ServerAddress, mine: LayoutIdentity) -> CatalogSchema:
    schema = address.cache or mine.identifier
    return CatalogSchema(address=address, schema=schema, owner=str(mine))


def _as_identifier(name: str) -> str | None:
    with suppress(ValueError):
        return name if str(UUID(name)) == name else None
    return None


def _bring_up_to_date(layout: Layout, catalog: ServerCatalog) -> None:
    with catalog.reading() as connection:
        ready = is_ready(layout, connection)
        behind = _is_behind(layout, connection)
    if not ready:
        _reconcile(layout, catalog)
    if behind:
        from cachedb.operations.sync import history  # noqa: PLC0415  (for new records only)

        with suppress(CacheError):
            history.bring_up_to_date(layout, catalog)


def _is_behind(layout: Layout, connection: Connection) -> bool:
    """Return whether the journal has new records: not if it cannot be read."""
    with suppress(CacheError):
        return is_behind(layout, connection)
    return False


def _reconcile(layout: Layout, catalog: ServerCatalog) -> None:
    from cachedb.operations.sync import reconcile, recover  # noqa: PLC0415  (where files changed)

    if layout.is_writable:
        recover.undo_killed_sweeps(layout)
    reconcile.bring_up_to_date(layout, catalog)
    if layout.is_writable:
        recover.restore_needed(layout, catalog)


def _refuse_second_catalog(layout: Layout, address: ServerAddress) -> None:
    """Refuse to make a catalog where the server has one of the same files already.

    That is so when `.cachedb` was deleted: a new identifier would leave the catalog behind. The
    names and the inodes of the directories of blobs tell it; a copy has other ones.
    """
    with suppress(NotALayout, LimitExceeded):
        index = layout.index()
        if not index.entries:
            return
        names, folders = index.encode().decode(), layout.fingerprint().folders
        for schema in ServerCatalog.schemas(address):
            if _as_identifier(schema) is None or _content(address, schema) != (names, folders):
                continue
            if known_identity(layout) is not None:  # another host has made it meanwhile
                return
            what = f"the server has a catalog of these files, {schema!r}"
            hint = f"{ATTACH} --catalog 'URL?cache={schema}' takes it over; {NEW_CATALOG}"
            raise CatalogOfAnother(what, schema, hint=hint)


def _content(address: ServerAddress, schema: str) -> tuple[str, tuple[str, ...]] | None:
    """Return names and directories of the layout of a catalog; None if they cannot be read."""
    with suppress(CacheError):
        catalog = ServerCatalog.connect_read_only(address, schema)
        try:
            with catalog.reading() as connection:
                names = state.read(connection, NAMES) or ""
                found = Fingerprint.parse(state.read(connection, FINGERPRINT) or "")
        finally:
            catalog.close()
        return None if found is None else (names, found.folders)
    return None
