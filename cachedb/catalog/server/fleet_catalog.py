"""Catalogs of a fleet: the caches whose catalogs are schemas of one database."""

from __future__ import annotations

from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from psycopg import sql

from cachedb.catalog.enums import SCHEMA_VERSION
from cachedb.catalog.server.address import files_schema, is_name
from cachedb.catalog.server.catalog import ServerCatalog
from cachedb.catalog.server.executor import ServerConnection
from cachedb.catalog.server.failures import explaining
from cachedb.catalog.server.schemas import schema_revision
from cachedb.catalog.server.session import READ, SETTINGS
from cachedb.errors import CatalogMismatch, InvalidInput, NotFound, SchemaTooNew
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cachedb.catalog.server.address import ServerAddress

_PUBLIC = "public"


class Members(Record):
    """The caches of a fleet that are asked: by default all that the user may read."""

    only: tuple[str, ...] = ()
    """Names of caches, or globs of them, that are asked; empty for all."""
    without: tuple[str, ...] = ()
    """Names of caches, or globs of them, that are left out."""

    def chosen(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the names that are asked, in their order.

        Raises:
            NotFound: A name or a glob matches no cache.
        """
        for pattern in (*self.only, *self.without):
            if not any(fnmatchcase(name, pattern) for name in names):
                what = f"no cache of the fleet is called {pattern!r}"
                raise NotFound(what, hint="cachedb fleet list")
        return tuple(
            name
            for name in names
            if (not self.only or any(fnmatchcase(name, one) for one in self.only))
            and not any(fnmatchcase(name, one) for one in self.without)
        )


ALL = Members()


class FleetConnection(ServerConnection):
    """A connection inside a transaction that reads the catalogs of `caches`, sorted by name."""

    __slots__ = ("caches",)

    def __init__(self, driver: Any, caches: tuple[str, ...]) -> None:
        super().__init__(driver)
        self.caches: tuple[str, ...] = caches

    def enter(self, cache: str) -> None:
        """Read the tables of one cache, and of its files, with the statements that follow."""
        schemas = sql.SQL(", ").join(map(sql.Identifier, (cache, files_schema(cache))))
        self.driver.execute(sql.SQL("SET LOCAL search_path = {}").format(schemas))

    def with_shared_names(self) -> list[str]:
        """Return the caches in which a name has several entries."""
        each = (
            sql.SQL(
                "SELECT {}::TEXT WHERE EXISTS (SELECT 1 FROM {}.ref WHERE name IS NOT NULL"
                " GROUP BY name HAVING COUNT(*) > 1)"
            ).format(sql.Literal(name), sql.Identifier(name))
            for name in self.caches
        )
        found = self.driver.execute(sql.SQL(" UNION ALL ").join(each))
        return [str(name) for (name,) in found]


class FleetCatalog:
    """The catalogs in a database; each transaction sees one state of all of them."""

    def __init__(self, address: ServerAddress) -> None:
        self.address = address
        self._server = ServerCatalog(address, _PUBLIC)

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    @contextmanager
    def reading(self, members: Members = ALL) -> Iterator[FleetConnection]:
        """Open a transaction that reads the catalogs of some members.

        Raises:
            NotFound: There is none, or no cache has a name that is asked for.
            SchemaTooNew: The catalog of one of them is of a newer cachedb.
            CatalogMismatch: It is of an older one.
            StorageFailed: The server cannot be reached, or refuses the user.
        """
        with self._versions() as (connection, versions):
            chosen = members.chosen(tuple(versions))
            if not chosen:
                raise NotFound("the fleet has no cache", hint="cachedb fleet add URL")
            for name in chosen:
                _check(name, versions[name])
            connection.caches = chosen
            yield connection

    @contextmanager
    def reading_any(self) -> Iterator[tuple[FleetConnection, dict[str, int]]]:
        """Open a transaction, and return the revision of the schema of every cache.

        The caches of the connection are those whose catalogs are of this version.

        Raises:
            StorageFailed: The server cannot be reached, or refuses the user.
        """
        with self._versions() as (connection, versions):
            current = (name for name, found in versions.items() if found == SCHEMA_VERSION)
            connection.caches = tuple(current)
            yield connection, versions

    @contextmanager
    def _versions(self) -> Iterator[tuple[FleetConnection, dict[str, int]]]:
        with explaining(self.address), self._server.lending() as driver:
            schema_revision.check_database(driver)
            driver.execute(f"{READ}; {SETTINGS}")
            names = [name for name in schema_revision.readable(driver) if is_name(name)]
            versions = schema_revision.versions(driver, names)
            yield FleetConnection(driver, ()), versions


def member_schema(address: ServerAddress) -> str:
    """Return the name of the cache that a URL names.

    Raises:
        InvalidInput: It names none.
    """
    if address.cache is None:
        what = "the URL names no cache"
        raise InvalidInput(what, hint="postgresql+psycopg://HOST/DATABASE?cache=NAME")
    return address.cache


def _check(name: str, version: int) -> None:
    if version > SCHEMA_VERSION:
        raise SchemaTooNew(
            f"the catalog of the cache {name!r} has schema {version} and this cachedb knows"
            f" {SCHEMA_VERSION}",
            hint=f"use the newer cachedb, or leave it out: --without {name}",
        )
    if version < SCHEMA_VERSION:
        raise CatalogMismatch(
            f"the catalog of the cache {name!r} has schema {version}, which is older than"
            f" {SCHEMA_VERSION}",
            hint=f"its next command upgrades it; leave it out: --without {name}",
        )
