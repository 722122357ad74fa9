"""Explanation of a query: its meaning in words, its SQL, the query plan and measured costs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cachedb.catalog.statement import BoundList
from cachedb.patterns import lazy
from cachedb.query.semantics.describe import describe_query
from cachedb.query.sql.compile import select_rows
from cachedb.query.sql.cte import count_last
from cachedb.query.sql.dialect import render
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cachedb.query.semantics.typed import CheckedQuery
    from cachedb.query.sql.cte import NamedSet

    Execute: TypeAlias = Callable[[str, Sequence[Any]], Sequence[Any]]

_INDEX: Final = lazy(r"USING (?:COVERING )?INDEX (\S+)")
_PREFIXES: Final = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}


class SetCost(Record):
    """Rows of a set, and seconds to compute it together with the sets that it is built from."""

    name: str
    """Name of the common table expression."""
    rows: int
    seconds: float


class Explanation(Record):
    """A query in its canonical form, in words and in SQL.

    `sets` are the common table expressions of the SQL, by their names there; `notes` are warnings
    about likely misreadings.
    """

    canonical: str
    meaning: str
    """Query in words."""
    sets: tuple[NamedSet, ...]
    notes: tuple[str, ...]
    sql: str
    parameters: tuple[Any, ...]
    """Values of the SQL, in the order of their places."""


def explain(checked: CheckedQuery, dialect: str) -> Explanation:
    """Explain a query, in the SQL of `sqlite` or `postgresql`."""
    found = select_rows(checked)
    statement = render(found.select, dialect)
    return Explanation(
        canonical=str(checked.query),
        meaning=describe_query(checked),
        sets=found.sets,
        notes=checked.notes,
        sql=statement.text,
        parameters=tuple(_shown(each, dialect) for each in statement.bind(checked.values)),
    )


def _shown(value: Any, dialect: str) -> Any:
    """Return a bound value as a user can type it."""
    if not isinstance(value, BoundList):
        return value
    return value.json if dialect == "sqlite" else value.array


def query_plan(checked: CheckedQuery, dialect: str, execute: Execute) -> tuple[Any, ...]:
    """Return the plan of the database for a query, which is not run; each row is a step."""
    statement = render(select_rows(checked).select, dialect)
    text = f"{_PREFIXES[dialect]} {statement.text}"
    return tuple(execute(text, statement.bind(checked.values)))


def indexes(steps: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the indexes that the steps of a plan of SQLite use."""
    found = (name for step in steps for name in _INDEX.findall(step))
    return tuple(dict.fromkeys(found))


def costs(checked: CheckedQuery, dialect: str, execute: Execute) -> tuple[SetCost, ...]:
    """Measure every set of a query on its own, and last the whole query."""
    found = select_rows(checked)
    measured = []
    for place, each in enumerate(found.sets):
        statement = render(count_last(found.sets[: place + 1]), dialect)
        started = time.perf_counter()
        ((rows,),) = execute(statement.text, statement.bind(checked.values))
        measured.append(SetCost(name=each.name, rows=rows, seconds=time.perf_counter() - started))
    statement = render(found.select, dialect)
    started = time.perf_counter()
    rows = len(execute(statement.text, statement.bind(checked.values)))
    return (*measured, SetCost(name="", rows=rows, seconds=time.perf_counter() - started))
