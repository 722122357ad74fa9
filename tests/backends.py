"""Databases in which tests keep their catalogs: SQLite, or a schema for each in PostgreSQL.

A test of a folder that uses this runs on SQLite, and on PostgreSQL as well if its module is chosen
for every run. With `ON_CATALOG=postgresql` every one runs on PostgreSQL, and those that are about
SQLite itself have to fail there: one that passes does not belong into the list of them.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Literal

import pytest

from cachedb.catalog.place import CatalogPlace
from cachedb.layout import Layout
from cachedb.operations.sync import open_catalog
from cachedb.operations.sync.open_catalog import Opened
from tests.postgresql import Server

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
ONLY: Final = os.environ.get("ON_CATALOG", "")
assert ONLY in {"", POSTGRESQL}, "ON_CATALOG is empty or postgresql"


def parametrize(
    metafunc: pytest.Metafunc,
    both: Collection[str],
    sqlite_only: Mapping[str, str],
    scope: Literal["module", "session"] = "module",
) -> None:
    """Give a test the databases that it runs on, as values of the fixture `backend`.

    `both` are names of modules. Keys of `sqlite_only` are names of modules, or of a module and a
    test with a dot between them; their values are reasons. `scope` is that of the fixture.
    """
    if "backend" not in metafunc.fixturenames:
        return
    module = metafunc.module.__name__.rpartition(".")[2]
    why = sqlite_only.get(module) or sqlite_only.get(f"{module}.{metafunc.function.__name__}")
    if ONLY:
        about_sqlite = pytest.mark.xfail(strict=True, reason=f"only on SQLite: {why}")
        marks = [] if why is None else [about_sqlite]
        databases = [pytest.param(POSTGRESQL, marks=marks)]
    elif module in both and why is None:
        databases = [pytest.param(SQLITE), pytest.param(POSTGRESQL)]
    else:
        return
    metafunc.parametrize("backend", databases, indirect=True, scope=scope)


@contextmanager
def catalogs_of(request: pytest.FixtureRequest) -> Iterator[str]:
    """Keep all catalogs in the database of the fixture `backend`, whose request this is."""
    found = chosen(request)
    if found == SQLITE:
        yield found
        return
    with catalogs_in(request.getfixturevalue("server")):
        yield found


def chosen(request: pytest.FixtureRequest) -> str:
    """Return the database of the fixture `backend`, whose request this is."""
    return str(getattr(request, "param", SQLITE))


@contextmanager
def catalogs_in(server: Server) -> Iterator[None]:
    """Keep the catalogs of all caches that are opened without a URL in a server.

    Each is a schema of its own, named by the identifier in the layout.
    """
    open_file, file_of = open_catalog.open_catalog, open_catalog.place_of

    def opened(layout: Layout, url: str | None = None) -> Opened:
        return open_file(layout, url or server.url())

    def place(layout: Layout, url: str | None) -> CatalogPlace:
        return file_of(layout, url or server.url())

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(open_catalog, "open_catalog", opened)
        patched.setattr(open_catalog, "place_of", place)
        yield
