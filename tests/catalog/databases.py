"""Databases of tests of catalogs: a file of SQLite, or a schema of PostgreSQL, treated alike."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Protocol

from cachedb.catalog.connect import Catalog
from cachedb.catalog.server.address import ServerAddress
from cachedb.catalog.server.catalog import ServerCatalog
from tests.postgresql import Server


class Database(Protocol):
    """The place of one catalog, and what others may do to it."""

    def open(self) -> Catalog:
        """Open the catalog; create it if necessary."""

    def exists(self) -> bool:
        """Return whether the catalog is there."""

    def remove(self) -> None:
        """Remove the catalog."""

    def replace(self) -> None:
        """Put a copy of the catalog, without its rows, in its place."""

    def run(self, statement: str) -> None:
        """Run a statement as another program does."""

    def script(self) -> str:
        """Return a program that binds `catalog` to the opened catalog."""


class File:
    """A file of SQLite."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> Catalog:
        return Catalog.open(self.path)

    def exists(self) -> bool:
        return self.path.exists()

    def remove(self) -> None:
        self.path.unlink()

    def replace(self) -> None:
        fresh = self.path.with_suffix(".fresh")
        Catalog.open(fresh).close()
        fresh.replace(self.path)

    def run(self, statement: str) -> None:
        with closing(sqlite3.connect(self.path)) as other:
            other.execute(statement)
            other.commit()

    def script(self) -> str:
        return (
            "from pathlib import Path; from cachedb.catalog.connect import Catalog\n"
            f"catalog = Catalog.open(Path({str(self.path)!r}))"
        )


class Schema:
    """A schema of a server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._address = ServerAddress.parse(server.fresh())
        self._url = self._address.url
        self._name = str(self._address.cache)

    def open(self) -> ServerCatalog:
        return ServerCatalog.connect(self._address, self._name)

    def exists(self) -> bool:
        return ServerCatalog.exists(self._address, self._name)

    def remove(self) -> None:
        ServerCatalog.drop(self._address, self._name)

    def replace(self) -> None:
        fresh = ServerCatalog.connect(self._address, f"{self._name}.new")
        fresh.rename(self._name, f"{self._name}.bak")
        fresh.close()

    def run(self, statement: str) -> None:
        self._server.psql(f'SET search_path = "{self._name}"; {statement}')

    def script(self) -> str:
        return (
            "from cachedb.catalog.server.address import ServerAddress\n"
            "from cachedb.catalog.server.catalog import ServerCatalog\n"
            f"catalog = ServerCatalog.connect(ServerAddress.parse({self._url!r}), {self._name!r})"
        )
