"""What a query means and how it will be answered, without answering it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cachedb.query.describe import describe_query
from cachedb.query.sql import Plan

if TYPE_CHECKING:
    from sqlalchemy import Connection, Dialect

    from cachedb.query.compile import Statement
    from cachedb.query.sets import NamedSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
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


def explain(statement: Statement, dialect: Dialect) -> Explanation:
    """Explain a statement as a dialect writes it."""
    checked = statement.checked
    compiled = statement.select.compile(
        dialect=dialect, compile_kwargs={"render_postcompile": True}
    )
    names = compiled.positiontup or compiled.params
    return Explanation(
        canonical=str(checked.query),
        meaning=describe_query(checked),
        sets=statement.sets,
        notes=checked.notes,
        sql=str(compiled),
        parameters=tuple(compiled.params[name] for name in names),
    )


def plan(statement: Statement, connection: Connection) -> tuple[str, ...]:
    """Ask the database how it would answer; the last column of every row says a step."""
    return tuple(str(row[-1]) for row in connection.execute(Plan(statement.select)))
