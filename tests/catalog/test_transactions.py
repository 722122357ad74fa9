"""Transactions of a catalog, in a file of SQLite and in a schema of PostgreSQL."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import func, insert, select

from cachedb.catalog import state, waiting_connection
from cachedb.catalog.connect import Catalog
from cachedb.catalog.executor import Connection
from cachedb.catalog.schema import blob
from cachedb.catalog.server import catalog as server_catalog
from cachedb.catalog.statements import user_state, validation
from cachedb.errors import CacheBusy, CatalogMismatch
from tests.catalog.databases import Database
from tests.layout import child
from tests.sql import on


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    shortened = waiting_connection.LOCK_SECONDS.replace(value=0)
    for module in (waiting_connection, server_catalog):
        monkeypatch.setattr(module, "LOCK_SECONDS", shortened)


def enter(connection: Connection, *numbers: int) -> None:
    row = {"size": 1, "kind": 0, "state": 1, "media_type": "", "parsed": 0}
    rows = [{"digest": f"sha256:{number:064x}", **row} for number in numbers]
    on(connection).execute(insert(blob), rows)


def size(connection: Connection) -> int:
    return int(on(connection).scalar(select(func.count()).select_from(blob)) or 0)


def count(catalog: Catalog) -> int:
    with catalog.reading() as connection:
        return size(connection)


def test_what_a_block_writes_is_there_for_the_next(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        enter(connection, 1, 2)
    assert count(catalog) == 2


def test_an_error_in_the_block_undoes_it(catalog: Catalog) -> None:
    with pytest.raises(ZeroDivisionError), catalog.writing() as connection:  # noqa: PT012
        enter(connection, 1)
        raise ZeroDivisionError
    assert count(catalog) == 0


def test_every_statement_of_a_reader_sees_the_same_state(
    catalog: Catalog, impatient: None
) -> None:
    with catalog.reading() as reader:
        assert size(reader) == 0
        try:
            with catalog.writing() as connection:
                enter(connection, 1)
        except CacheBusy:  # SQLite lets no writer commit meanwhile
            written = 0
        else:
            written = 1
        assert size(reader) == 0
    assert count(catalog) == written


def test_a_writer_has_the_lock_before_its_first_statement(
    catalog: Catalog, impatient: None
) -> None:
    with (
        catalog.writing(),
        pytest.raises(CacheBusy, match=r"another (thread|process) is writing"),
        catalog.writing(),
    ):
        pytest.fail("two writers at once")


def test_a_reader_does_not_wait_for_a_writer_that_has_not_committed(
    catalog: Catalog, impatient: None
) -> None:
    with catalog.writing() as connection:
        enter(connection, 1)
        assert count(catalog) == 0


def test_writers_of_several_threads_take_turns(catalog: Catalog) -> None:
    def add(number: int) -> None:
        with catalog.writing() as connection:
            known = size(connection)
            enter(connection, number)
            state.write(connection, "count", str(known + 1))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with catalog.reading() as connection:
        assert state.read(connection, "count") == "8"


def test_the_lock_of_a_killed_writer_is_gone_and_so_is_what_it_wrote(database: Database) -> None:
    script = (
        f"{database.script()}; c = catalog.writing()\n"
        "c.__enter__().driver.execute(\"INSERT INTO state VALUES ('a', 'b')\")"
    )
    with child.holding(script) as other:
        other.kill()
    catalog = database.open()
    with catalog.writing() as connection:
        assert state.read(connection, "a") is None
    catalog.close()


def test_rows_without_their_parent_are_refused(catalog: Catalog) -> None:
    with (
        pytest.raises(CatalogMismatch, match=r"(?i)is damaged: .*foreign key"),
        catalog.writing() as connection,
    ):
        connection.driver.execute("INSERT INTO edge VALUES (1, 2)")


def test_a_row_that_is_there_already_is_refused(catalog: Catalog) -> None:
    with pytest.raises(CatalogMismatch, match="is damaged"), catalog.writing() as connection:  # noqa: PT012
        state.write(connection, "key", "value")
        connection.driver.execute("INSERT INTO state VALUES ('key', 'other')")
    with catalog.reading() as connection:
        assert state.read(connection, "key") is None


def test_a_catalog_that_was_taken_away_is_noticed_before_anything_is_written(
    catalog: Catalog, database: Database
) -> None:
    database.remove()
    for transaction in (catalog.writing, catalog.reading):
        with pytest.raises(CatalogMismatch, match="replaced meanwhile"), transaction():
            pass
    assert not database.exists()


def test_a_catalog_that_was_replaced_is_noticed(catalog: Catalog, database: Database) -> None:
    with catalog.writing() as connection:
        enter(connection, 1)
    database.replace()
    with pytest.raises(CatalogMismatch, match="replaced meanwhile"), catalog.writing():
        pass
    fresh = database.open()
    assert count(fresh) == 0
    fresh.close()


@pytest.mark.parametrize(
    ("damage", "name", "read"),
    [
        (
            "ALTER TABLE blob DROP COLUMN problem",
            "problem",
            lambda connection: connection.rows(validation.PROBLEMS, targets="[]"),
        ),
        (
            "DROP TABLE lease_item",
            "lease_item",
            lambda connection: connection.rows(user_state.LEASE_ITEMS),
        ),
    ],
    ids=["column", "table"],
)
def test_a_missing_column_or_table_is_a_mismatch_and_not_a_traceback(
    catalog: Catalog,
    database: Database,
    damage: str,
    name: str,
    read: Callable[[Connection], object],
) -> None:
    database.run(damage)
    with (
        pytest.raises(CatalogMismatch, match=rf"is damaged: .*{name}"),
        catalog.reading() as connection,
    ):
        read(connection)
