"""Databases in which tests keep their catalogs: SQLite, or a schema for each in PostgreSQL.

A test of a folder that uses this runs on SQLite, and on PostgreSQL as well if its module is chosen
for every run. With `ON_CATALOG=postgresql` every one runs on PostgreSQL. Modules that are about
SQLite itself are skipped then, and single tests have to fail: one that passes does not belong into
the list of them.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import pytest

from cachedb.catalog.place import CatalogPlace
from cachedb.catalog.server.catalog import ServerCatalog
from cachedb.catalog.server.place import CatalogSchema
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
    out_of_reach: Collection[str] = (),
    scope: Literal["module", "session"] = "module",
) -> None:
    """Give a test the databases that it runs on, as values of the fixture `backend`.

    `both` are names of modules. Keys of `sqlite_only` are names of modules, or of a module and a
    test with a dot between them; their values are reasons. `out_of_reach` are modules whose tests
    open their catalogs in other processes. `scope` is that of the fixture.
    """
    if "backend" not in metafunc.fixturenames:
        return
    module = metafunc.module.__name__.rpartition(".")[2]
    of_module = sqlite_only.get(module)
    why = of_module or sqlite_only.get(f"{module}.{metafunc.function.__name__}")
    if ONLY:
        marks = []
        if module in out_of_reach:
            marks = [pytest.mark.skip(reason="its processes open the cache themselves")]
        elif of_module is not None:
            marks = [pytest.mark.skip(reason=f"only on SQLite: {why}")]
        elif why is not None:
            marks = [pytest.mark.xfail(strict=True, reason=f"only on SQLite: {why}")]
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


def place_of(path: Path) -> CatalogPlace:
    """Return the place of the catalog of a layout, in the database of all catalogs."""
    with Layout.open(path) as layout:
        return open_catalog.place_of(layout, None)


def remove_catalog(path: Path) -> None:
    """Remove the catalog of a layout: its file, or its schema."""
    place = place_of(path)
    if isinstance(place, CatalogSchema):
        assert ServerCatalog.drop(place.address, place.schema)
    else:
        (path / ".cachedb" / "index.db").unlink()


def chosen(request: pytest.FixtureRequest) -> str:
    """Return the database of the fixture `backend`, whose request this is."""
    return str(getattr(request, "param", SQLITE))


@contextmanager
def catalogs_in(server: Server) -> Iterator[None]:
    """Keep the catalogs of all caches that are opened without a URL in a server.

    Each is a schema of its own, named by the identifier in the layout. Commands in other processes
    keep theirs there too.
    """
    open_file, file_of = open_catalog.open_catalog, open_catalog.place_of

    def opened(layout: Layout, url: str | None = None) -> Opened:
        return open_file(layout, url or server.url())

    def place(layout: Layout, url: str | None) -> CatalogPlace:
        return file_of(layout, url or server.url())

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(open_catalog, "open_catalog", opened)
        patched.setattr(open_catalog, "place_of", place)
        patched.setenv("CACHEDB_CATALOG", server.url())
        yield
