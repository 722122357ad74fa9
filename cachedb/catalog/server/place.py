"""Place of a catalog in a server: the schema of one cache."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from cachedb.catalog import state
from cachedb.catalog.enums import FINGERPRINT, OWNER, PUBLISHED
from cachedb.catalog.server.address import NEW, OLD, ServerAddress
from cachedb.catalog.server.catalog import ServerCatalog
from cachedb.errors import CatalogMismatch, CatalogOfAnother, NotFound
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection

ATTACH = "cachedb doctor --attach"
NEW_CATALOG = "cachedb doctor --new-catalog"


class CatalogSchema(Record):
    """Catalog in a schema of a server."""

    address: ServerAddress
    """Server and database."""
    schema: str
    """Name of the schema; '' if the layout has no catalog in a server yet."""
    owner: str
    """Identity of the layout: its identifier, and what tells a copy; '' as above."""

    @property
    def shown(self) -> str:
        """Return the address of the server and the name of the schema."""
        return f"{self.address.shown} {self.schema}".rstrip()

    def exists(self) -> bool:
        """Return whether the schema holds a catalog."""
        return bool(self.schema) and ServerCatalog.exists(self.address, self.schema)

    def open(self) -> ServerCatalog:
        """Open the catalog, which is made or upgraded when it has to be.

        Raises:
            CatalogOfAnother: It is that of another layout.
        """
        return self._opened(_refuse_published)

    def open_copy(self) -> ServerCatalog:
        """Open the copy of a catalog that this host publishes; it is made when there is none.

        Raises:
            CatalogOfAnother: It is that of another layout, or not a copy but the catalog itself.
        """
        return self._opened(_refuse_own)

    def _opened(self, refuse: Callable[[Connection, str], None]) -> ServerCatalog:
        self._check_there()
        catalog = ServerCatalog.connect(self.address, self.schema)
        try:
            with catalog.reading() as connection:
                has_owner = self._is_owner(state.read(connection, OWNER))
                refuse(connection, self.schema)
            if not has_owner:
                self._own(catalog)
        except BaseException:
            catalog.close()
            raise
        return catalog

    def open_read_only(self) -> ServerCatalog:
        """Open a catalog of this version, whichever layout it is about; nothing is changed."""
        self._check_there()
        return ServerCatalog.connect_read_only(self.address, self.schema)

    @contextmanager
    def replacing(self) -> Iterator[Catalog]:
        """Build a catalog in another schema, which takes the name of this one.

        Raises:
            CatalogOfAnother: The catalog is that of another layout.
        """
        self._check_there()
        with suppress(CatalogMismatch):
            self.open().close()
        fresh = f"{self.schema}{NEW}"
        ServerCatalog.drop(self.address, fresh)
        catalog = ServerCatalog.connect(self.address, fresh)
        try:
            self._own(catalog)
            yield catalog
            catalog.rename(self.schema, f"{self.schema}{OLD}")
        finally:
            catalog.close()
            ServerCatalog.drop(self.address, fresh)

    def _check_there(self) -> None:
        if not self.schema:
            what = "this cache has no catalog in the server yet"
            raise NotFound(what, hint="cachedb ls makes it")

    def _own(self, catalog: ServerCatalog) -> None:
        """Enter the owner of a new catalog; refuse that of another layout."""
        with catalog.writing() as connection:
            if not self._is_owner(state.read(connection, OWNER)):
                state.write(connection, OWNER, self.owner)

    def _is_owner(self, owner: str | None) -> bool:
        """Return whether the recorded owner is this layout, not if there is none."""
        if owner is None or owner == self.owner:
            return owner is not None
        if owner.partition(" ")[0] == self.owner.partition(" ")[0]:
            what = "this cache is a copy of one whose catalog is in the server, or was restored"
            hint = f"{NEW_CATALOG}; or, if the original is gone, {ATTACH}"
            raise CatalogOfAnother(what, self.schema, is_copy=True, hint=hint)
        raise CatalogOfAnother(
            f"the catalog {self.schema!r} in the server is that of another cache",
            self.schema,
            hint=f"choose another name: ?cache=NAME; or take it over: {ATTACH}",
        )


def _refuse_published(connection: Connection, schema: str) -> None:
    if state.read(connection, PUBLISHED) is not None:
        what = f"{schema!r} in the server is the copy of a catalog, which `fleet sync` publishes"
        hint = f"choose another name: ?cache=NAME; or cachedb fleet rm {schema}"
        raise CatalogOfAnother(what, schema, hint=hint)


def _refuse_own(connection: Connection, schema: str) -> None:
    is_copy = state.read(connection, PUBLISHED) is not None
    if not is_copy and state.read(connection, FINGERPRINT) is not None:
        what = f"{schema!r} is the catalog of a cache itself, which is in its fleet already"
        raise CatalogOfAnother(what, schema, hint="choose another name: ?cache=NAME")
