"""Executor of named statements on a driver connection; no SQL is written or compiled here."""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

from cachedb.catalog import compiled
from cachedb.records import maker_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from cachedb.catalog.statement import BoundList, Insert, Rows, Scalars, Write

    Bound = str | int | float | bytes | BoundList | None

_ROWS = 50
"""Rows of one INSERT: each costs half as much as in a statement of its own."""
_STEPS = 20_000
"""Instructions of SQLite between two checks of the time limit: a fraction of a millisecond."""

_R = TypeVar("_R", bound="tuple[Any, ...]")
_T = TypeVar("_T")


class Connection:
    """A connection inside a transaction of `Catalog.reading` or `Catalog.writing`.

    Scalars are bound by the names of the statement's parameters. A list is one value, made by
    `statement.many`, so that the text of a statement does not depend on its length. Not for use by
    several threads at once.
    """

    __slots__ = ("_texts", "driver")

    dialect = "sqlite"
    driver: Any
    """Connection of the driver: of `sqlite3`, or of another with the same `execute`."""

    def __init__(self, driver: sqlite3.Connection) -> None:
        self.driver = driver
        self._texts = compiled.statements(self.dialect)

    def rows(self, statement: Rows[_R], /, **values: Bound) -> list[_R]:
        """Return every row of a statement, in its order; the result is held in memory whole."""
        return list(self.each(statement, **values))

    def each(self, statement: Rows[_R], /, **values: Bound) -> Iterator[_R]:
        """Yield the rows of a statement as the driver reads them; memory is constant.

        Rows are read inside the transaction: they end with its block.
        """
        rows = self.driver.execute(self._texts[statement.name], values)
        return map(maker_of(statement.row, len(rows.description)), rows)

    def tuples(self, statement: Rows[Any], /, **values: Bound) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a statement as plain tuples, which cost half as much as named ones."""
        found: Iterator[tuple[Any, ...]] = self.driver.execute(self._texts[statement.name], values)
        return found

    def first(self, statement: Rows[_R], /, **values: Bound) -> _R | None:
        """Return the first row of a statement, or None if it selects none."""
        return next(self.each(statement, **values), None)

    def values(self, statement: Scalars[_T], /, **values: Bound) -> list[_T]:
        """Return the values of a statement of one column, in its order."""
        cursor = self.driver.execute(self._texts[statement.name], values)
        return [value for (value,) in cursor]

    def each_value(self, statement: Scalars[_T], /, **values: Bound) -> Iterator[_T]:
        """Yield the values of a statement of one column as the driver reads them."""
        for (value,) in self.driver.execute(self._texts[statement.name], values):
            yield value

    def value(self, statement: Scalars[_T], /, **values: Bound) -> _T | None:
        """Return the first value of a statement of one column, or None if it selects none."""
        row = self.driver.execute(self._texts[statement.name], values).fetchone()
        found: _T | None = None if row is None else row[0]
        return found

    def mapping(self, statement: Rows[Any], /, **values: Bound) -> dict[Any, Any]:
        """Return the rows of a statement of two columns as a mapping from the first to the second.

        Costs half as much as rows of a named type.
        """
        return dict(self.driver.execute(self._texts[statement.name], values))

    def write(self, statement: Write, /, **values: Bound) -> int:
        """Run a write; return how many rows it has changed."""
        return int(self.driver.execute(self._texts[statement.name], values).rowcount)

    def write_each(self, statement: Write, rows: Iterable[Mapping[str, Bound]]) -> int:
        """Run a write once for each mapping of values; return how many rows were changed.

        Mappings are taken one by one; the text is prepared once.
        """
        return int(self.driver.executemany(self._texts[statement.name], rows).rowcount)

    def insert(self, statement: Insert, rows: Iterable[Sequence[Bound]]) -> None:
        """Insert rows of plain values in the order of the columns of the statement.

        Rows are taken as they are written, at most 50 at a time; texts are prepared once.
        """
        text = self._texts[statement.name]
        one = text.rpartition("VALUES ")[2]
        several = text + f", {one}" * (_ROWS - 1)
        waiting = iter(rows)
        while len(taken := tuple(islice(waiting, _ROWS))) == _ROWS:
            self.driver.execute(several, tuple(chain.from_iterable(taken)))
        self.driver.executemany(text, taken)

    def insert_one(self, statement: Insert, *values: Bound) -> int:
        """Insert one row; return its id."""
        cursor = self.driver.execute(self._texts[statement.name], values)
        assert cursor.lastrowid is not None
        return int(cursor.lastrowid)

    def run(self, text: str, values: Mapping[str, Bound] | Sequence[Bound] = ()) -> Iterator[Any]:
        """Yield the rows of SQL that the compiler of the query language wrote."""
        found: Iterator[Any] = self.driver.execute(text, values)
        return found

    @contextmanager
    def only_reading(
        self, seconds: float, prepare: Callable[[sqlite3.Connection], None]
    ) -> Iterator[None]:
        """Refuse writes, and interrupt statements that run longer than the time limit.

        `prepare` receives a connection of SQLite, to register functions.

        Raises:
            TimeoutError: A statement was interrupted.
        """
        import sqlite3  # noqa: PLC0415  (of a type here, where another driver is used)

        from cachedb.catalog.waiting_connection import is_interrupted  # noqa: PLC0415

        deadline = time.monotonic() + seconds
        driver = self.driver
        prepare(driver)
        driver.execute("PRAGMA query_only = ON")
        driver.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        try:
            yield
        except sqlite3.OperationalError as error:
            # Else a signal interrupted the statement.
            if not is_interrupted(error) or time.monotonic() <= deadline:
                raise
            raise TimeoutError from error
        finally:
            driver.let_signals_in()
            driver.execute("PRAGMA query_only = OFF")

    def shared_now(self) -> int | None:
        """Return the time of the server, in microseconds since 1970; None where it has none.

        Hosts that share a catalog compare times of its server only: their clocks differ.
        """
        return None

    def faults(self) -> list[str]:
        """Return the faults that the database finds in its pages and keys.

        Reads every page: the cost is that of the size of the file.
        """
        checked = [str(row[0]) for row in self.run("PRAGMA integrity_check")]
        dangling = self.run("PRAGMA foreign_key_check")
        return [
            *(line for line in checked if line != "ok"),
            *(f"row {row[1]} of {row[0]} refers to no row of {row[2]}" for row in dangling),
        ]
