"""The catalogs of all caches that a test opens are in a PostgreSQL server."""

import pytest

from cachedb.layout import Layout
from cachedb.operations.sync import open_catalog, server_catalog
from cachedb.operations.sync.open_catalog import Opened
from tests.postgresql import Server


@pytest.fixture(autouse=True)
def _on_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(layout: Layout, url: str | None) -> Opened:
        assert url is None
        return Opened(catalog=server_catalog.open_on_server(layout, server.url()))

    monkeypatch.setattr(open_catalog, "open_catalog", opened)
