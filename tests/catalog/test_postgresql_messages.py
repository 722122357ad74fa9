"""Messages to the server that a command costs, each of which waits for an answer."""

from pathlib import Path

import pytest
from psycopg.cursor import Cursor

from cachedb import Cache
from cachedb.layout import fingerprint
from tests import build
from tests.postgresql import Server


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Texts of the messages to the server, as they are sent."""
    sent: list[str] = []
    send = Cursor.execute

    def record(self: Cursor, query: object, *values: object, **options: object) -> Cursor:
        sent.append(str(query))
        return send(self, query, *values, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Cursor, "execute", record)
    return sent


def test_an_unchanged_cache_is_opened_by_sixteen_messages_and_asked_by_three(
    tmp_path: Path, server: Server, messages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprint, "_RACY_NS", 0)  # the catalog was made just now
    tree, url = build.layout(tmp_path / "cache", {"app:1": build.image()}), server.fresh()
    Cache.open(tree.path, catalog=url).close()
    messages.clear()

    with Cache.open(tree.path, catalog=url) as cache:
        opened = len(messages)
        cache.find_root("app:1")

    assert opened <= 16
    assert len(messages) - opened <= 3


def test_a_connection_that_the_server_has_closed_is_replaced(
    tmp_path: Path, server: Server, messages: list[str]
) -> None:
    tree = build.layout(tmp_path / "cache", {"app:1": build.image()})
    with Cache.open(tree.path, catalog=server.fresh()) as cache:
        messages.clear()
        cache.find_root("app:1")
        assert "SELECT 1" not in messages
        server.psql(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE application_name LIKE 'cachedb %'"
        )
        assert cache.find_root("app:1")
    assert "SELECT 1" in messages
