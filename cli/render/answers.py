"""Rendering of query results and explanations."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from cachedb.cli.render import output, tables
from cachedb.cli.render.tables import Column, Format

if TYPE_CHECKING:
    from cachedb.operations.read.run_query import ExplainedQuery, QueryResult
    from cachedb.query.results import OutputColumn
    from cachedb.query.syntax.tree import Query
    from cachedb.query.tools.explain import SetCost


def fields_of(query: Query, form: str, *, quiet: bool) -> tuple[str, ...]:
    """Return the columns to print of a query without `show`: when quiet, digests of references."""
    if quiet:
        from cachedb.query.vocabulary import NOUNS
        from cachedb.query.words import Sort

        if NOUNS[query.noun].sort is Sort.REF:
            return ("digest",)
    return tables.fields_of(form)


def showing(query: Query, form: str, *, quiet: bool) -> Query:
    """Return the query with the columns to print, unless it shows or groups already."""
    return query.showing(fields_of(query, form, quiet=quiet))


def print_answer(answer: QueryResult, form: str, *, quiet: bool, end: str = "\n") -> None:
    """Print the rows of a result; when quiet, only their first column.

    Times are in the zone of --tz, else in UTC; a table on a terminal has them relative to now
    without it.
    """
    if quiet:
        for row in answer.rows:
            output.print_stdout(output.show("" if row[0] is None else str(row[0])), end)
        return
    plain = _relative if form is Format.TABLE and output.is_relative() else _exact
    columns = [_column(column) for column in answer.columns]
    tables.render(columns, (tuple(map(plain, row)) for row in answer.rows), form, end=end)


def _exact(value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    return output.in_zone(value).isoformat().replace("+00:00", "Z")


def _relative(value: Any) -> Any:
    return output.moment(value) if isinstance(value, datetime) else value


def _column(column: OutputColumn) -> Column:
    if column.kind == "size":
        return Column(column.name, output.size, is_number=True)
    if column.kind == "digest":
        return Column(column.name, output.digest)
    return Column(column.name, is_number=column.kind == "number")


def print_explanation(found: ExplainedQuery, *, only_sql: bool) -> None:
    """Print an explanation; with `only_sql`, the statement alone."""
    query = found.query
    if only_sql:
        output.print_stdout(query.sql)
        return
    output.print_stdout(f"canonical  {output.show(query.canonical)}")
    output.print_stdout(f"meaning    {output.show(query.meaning)}")
    costs = {cost.name: cost for cost in found.costs}
    for each in query.sets:
        spent = f"  ({_cost(costs[each.name])})" if costs else ""
        output.print_stdout(f"set        {each.name}: {output.show(each.meaning)}{spent}")
    if costs:
        output.print_stdout(f"answer     {_cost(costs[''])}")
    for note in query.notes:
        output.print_stdout(f"note       {output.show(note)}")
    output.print_stdout(f"sql        {' '.join(query.sql.split())}")
    output.print_stdout(f"values     {output.show(repr(list(query.parameters)))}")
    for line in found.plan:
        output.print_stdout(f"plan       {line}")
    output.print_stdout(f"indexes    {', '.join(found.indexes) or 'none'}")


def _cost(cost: SetCost) -> str:
    return f"{output.count(cost.rows, 'row')}, {cost.seconds * 1000:.1f} ms"
