"""What a query means, how it will be answered, and what the parts of the answer cost."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from cachedb.query.semantics.describe import describe_query
from cachedb.query.sql.dialect import Plan
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Dialect

    from cachedb.catalog.executor import Connection
    from cachedb.query.sql.compile import CompiledQuery
    from cachedb.query.sql.cte import NamedSet


_INDEX: Final = re.compile(r"USING (?:COVERING )?INDEX (\S+)")


class SetCost(Record):
    """How many rows a set has, and how long it takes to make it, with what it is made of."""

    name: str
    rows: int
    seconds: float


class Explanation(Record):
    """A query in its canonical form, in words and in SQL.

    `sets` are the table expressions of the SQL by their names there; `notes` say what a careful
    reader would point out.
    """

    canonical: str
    meaning: str
    sets: tuple[NamedSet, ...]
    notes: tuple[str, ...]
    sql: str
    parameters: tuple[Any, ...]


def explain(statement: CompiledQuery, dialect: Dialect) -> Explanation:
    """Explain a statement as a dialect writes it."""
    checked = statement.checked
    compiled = statement.select.compile(
        dialect=dialect, compile_kwargs={"render_postcompile": True}
    )
    values = compiled.params
    return Explanation(
        canonical=str(checked.query),
        meaning=describe_query(checked),
        sets=statement.sets,
        notes=checked.notes,
        sql=str(compiled),
        parameters=tuple(values[name] for name in compiled.positiontup or values),
    )


def plan(statement: CompiledQuery, connection: Connection) -> tuple[str, ...]:
    """Ask the database how it would answer; the last column of every row says a step."""
    return tuple(str(row[-1]) for row in connection.execute(Plan(statement.select)))


def indexes(plan: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the indexes that the steps of a plan of SQLite use."""
    found = (name for step in plan for name in _INDEX.findall(step))
    return tuple(dict.fromkeys(found))


def costs(statement: CompiledQuery, connection: Connection) -> tuple[SetCost, ...]:
    """Make every set of a statement on its own, and then run the statement."""
    found = []
    for place, each in enumerate(statement.sets):
        # Each behind those that it is made of, as in the statement.
        before = [one.table for one in statement.sets[: place + 1]]
        counted = select(func.count()).select_from(each.table).add_cte(*before)
        started = time.perf_counter()
        rows = connection.scalar(counted) or 0
        found.append(SetCost(name=each.name, rows=rows, seconds=time.perf_counter() - started))
    started = time.perf_counter()
    answer = len(connection.execute(statement.select).all())
    return (*found, SetCost(name="", rows=answer, seconds=time.perf_counter() - started))
