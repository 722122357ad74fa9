"""Ask: a query of the query language, put to the catalog."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cachedb.catalog.asking import asking
from cachedb.oci import Digest
from cachedb.operations import find_root
from cachedb.query import regex
from cachedb.query.compile import compile_ids, compile_query, selectors
from cachedb.query.fields import FIELDS, Sort, Type
from cachedb.query.messages import fail, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from cachedb.catalog.connect import Catalog
    from cachedb.errors import QueryError
    from cachedb.query.compile import OutputColumn, SelectorCheck
    from cachedb.query.tree import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The rows that a query selects, in its order, and what their columns are."""

    columns: tuple[OutputColumn, ...]
    rows: tuple[Any, ...]
    """Named tuples: a field a column, its dots as underscores; digests, datetimes and numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a query comes to: its canonical text, its statement, and the plan of the database."""

    canonical: str
    sql: str
    values: tuple[Any, ...]
    plan: tuple[str, ...]
    sets: tuple[str, ...]


def ask(catalog: Catalog, query: Query, now: datetime | None = None) -> Answer:
    """Put a query; ages in it count from `now`.

    Raises:
        QueryError: The query does not make sense, or a word in it stands for nothing.
        LimitExceeded: The answer takes too long.
    """
    moment = now or datetime.now(UTC)
    statement = compile_query(query, now=moment)
    with asking(catalog, regex.register) as connection:
        _refuse_empty_selectors(connection, query, moment)
        found = connection.execute(statement.select).all()
    readers = [_reader(column) for column in statement.columns]
    names = [column.name.replace(".", "_") for column in statement.columns]
    # The fields are the query's, so no checker can know them.
    kind: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # noqa: PYI024
    return Answer(
        columns=statement.columns,
        rows=tuple(
            kind(*(read(v) for read, v in zip(readers, row, strict=True))) for row in found
        ),
    )


def select_ids(catalog: Catalog, query: Query, now: datetime | None = None) -> frozenset[int]:
    """Return the ids of the rows that a query selects."""
    moment = now or datetime.now(UTC)
    with asking(catalog, regex.register) as connection:
        _refuse_empty_selectors(connection, query, moment)
        return frozenset(connection.scalars(compile_ids(query, now=moment)))


def explain(catalog: Catalog, query: Query, now: datetime | None = None) -> Explanation:
    """Say what a query comes to, without running it."""
    moment = now or datetime.now(UTC)
    statement = compile_query(query, now=moment)
    with asking(catalog, regex.register) as connection:
        compiled = statement.select.compile(
            connection, compile_kwargs={"render_postcompile": True}
        )
        values = tuple(compiled.params[name] for name in compiled.positiontup or ())
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values).all()
    return Explanation(
        canonical=str(query),
        sql=str(compiled),
        values=values,
        plan=tuple(str(row[-1]) for row in plan),
        sets=tuple(f"{each.name}: {each.meaning}" for each in statement.sets),
    )


def _reader(column: OutputColumn) -> Callable[[Any], Any]:
    if column.type is Type.DIGEST:
        return lambda value: None if value is None else Digest.declared(value)
    return column.read


def _refuse_empty_selectors(connection: Connection, query: Query, now: datetime) -> None:
    for check in selectors(query, now=now):
        if not connection.scalar(check.count):
            raise _stands_for_nothing(connection, check)


def _stands_for_nothing(connection: Connection, check: SelectorCheck) -> QueryError:
    word, colon, value = check.text.partition(":")
    field = nearest(word, FIELDS[check.sort]) if colon else None
    near = find_root.candidates(connection, check.text) if check.sort is Sort.REF else ()
    if field is not None:
        hint = f"did you mean the field `{field}`: {field}:{value}?"
    elif near:
        hint = f"did you mean {' or '.join(near)}?"
    else:
        hint = f"present({check.text}) if there may be none"
    return fail(check.span, f"no {check.sort} matches `{check.text}`", hint)
