"""A commit whose answer is lost: the server is asked what became of it."""

from collections.abc import Iterator
from typing import Any, Self

import psycopg
import pytest

from cachedb.catalog import state
from cachedb.catalog.server import session
from cachedb.catalog.server.address import ServerAddress
from cachedb.catalog.server.catalog import ServerCatalog
from cachedb.errors import StorageFailed
from tests.hosts import proxy as proxies
from tests.hosts.proxy import Fault, Kind, Proxy
from tests.postgresql import Server


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with proxies.running(server.folder / ".s.PGSQL.5432") as running:
        yield running


@pytest.fixture
def catalog(server: Server, proxy: Proxy) -> Iterator[ServerCatalog]:
    address = ServerAddress.parse(
        f"{server.fresh()}&sslmode=disable&gssencmode=disable".replace(
            f"host={server.folder}".replace("/", "%2F"), f"host=127.0.0.1&port={proxy.port}"
        ).replace(f"host={server.folder}", f"host=127.0.0.1&port={proxy.port}")
    )
    opened = ServerCatalog.connect(address, str(address.cache))
    yield opened
    opened.close()


def write(catalog: ServerCatalog) -> None:
    with catalog.writing() as connection:
        state.write(connection, "key", "value")


def written(catalog: ServerCatalog) -> str | None:
    with catalog.reading() as connection:
        return state.read(connection, "key")


@pytest.fixture
def at(catalog: ServerCatalog, proxy: Proxy) -> int:
    """The number of the message that commits."""
    proxy.expect(None)
    write(catalog)
    count = proxy.count
    with catalog.writing() as connection:
        connection.run("DELETE FROM state WHERE key = 'key'")
    return count


def test_a_commit_whose_answer_is_lost_has_succeeded(
    catalog: ServerCatalog, proxy: Proxy, at: int
) -> None:
    proxy.expect(Fault(Kind.ANSWER_LOST, at))

    write(catalog)

    assert proxy.has_met
    assert written(catalog) == "value"


def test_a_commit_that_is_lost_has_recorded_nothing_and_says_so(
    catalog: ServerCatalog, proxy: Proxy, at: int
) -> None:
    proxy.expect(Fault(Kind.LOST, at))

    with pytest.raises(StorageFailed, match="nothing of the transaction was recorded"):
        write(catalog)

    assert written(catalog) is None


def test_a_commit_after_which_no_server_answers_is_not_called_either(
    catalog: ServerCatalog, proxy: Proxy, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_PAUSE_SECONDS", 0)
    proxy.expect(Fault(Kind.ANSWER_CUT_OFF, at))

    with pytest.raises(StorageFailed, match="whether it was recorded cannot be told"):
        write(catalog)

    proxy.clear()
    assert written(catalog) == "value"


def test_a_transaction_that_still_runs_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_PAUSE_SECONDS", 0)
    answers = iter(["in progress", psycopg.OperationalError("refused"), "in progress", "aborted"])

    class Answering:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            """Close nothing."""

        def execute(self, _text: str, _values: Any) -> list[tuple[str]]:
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return [(answer,)]

    assert session._outcome("7", Answering) == "aborted"  # type: ignore[arg-type]
    assert list(answers) == []
