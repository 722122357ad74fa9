"""``cachedb query``: questions in the query language."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cachedb.cli import output
from cachedb.cli.failures import ErrorFormatOption
from cachedb.cli.options import (
    QUERY_SETTINGS,
    CacheOption,
    FormatOption,
    ParamOption,
    QuietWordOption,
    open_cache,
    parameters,
)
from cachedb.cli.output import Column, Format

if TYPE_CHECKING:
    from cachedb.operations.ask import Answer, Explanation
    from cachedb.query.compile import OutputColumn


SETTINGS = QUERY_SETTINGS


def command(
    words: Annotated[
        list[str], typer.Argument(metavar="QUERY", help="May be several words; see the guide.")
    ],
    cache: CacheOption = None,
    form: FormatOption = Format.TABLE,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what the query comes to, and do not run it.")
    ] = False,
    save: Annotated[
        str | None, typer.Option("--save", metavar="NAME", help="Keep the query, as @NAME.")
    ] = None,
    param: ParamOption = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print the statement alone.")] = False,
    quiet: QuietWordOption = False,
    _error_format: ErrorFormatOption = None,
) -> None:
    """Ask for refs, blobs, links or packages in the query language.

    Flat queries need no quotes: cachedb query refs arch:arm64 size gt 100M not is:complete.
    One with parentheses or globs is put in single quotes.
    """
    with open_cache(cache) as opened:
        parsed = opened.parse(words, **parameters(param))
        if save is not None:
            opened.save_query(save.removeprefix("@"), " ".join(words))
            output.tell(f"saved as @{save.removeprefix('@')}: {parsed}")
            return
        if explain or sql:
            _explain(opened.explain(parsed), only_sql=sql)
            return
        answer = opened.query(parsed)
    print_answer(answer, form, quiet=quiet)


def print_answer(answer: Answer, form: Format, *, quiet: bool) -> None:
    """Write the rows of an answer; when quiet, only their first column."""
    if quiet:
        for row in answer.rows:
            output.say(output.show("" if row[0] is None else str(row[0])))
        return
    columns = [_column(column) for column in answer.columns]
    output.render(columns, (tuple(map(_plain, row)) for row in answer.rows), form)


def _plain(value: Any) -> Any:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def _column(column: OutputColumn) -> Column:
    if column.unit == "bytes":
        return Column(column.name, output.size, is_number=True)
    if column.name == "digest":
        return Column(column.name, lambda value: output.digest(value) if value else "")
    return Column(column.name, is_number=column.type.name == "NUMBER")


def _explain(found: Explanation, *, only_sql: bool) -> None:
    if only_sql:
        output.say(found.sql)
        return
    output.say(f"canonical  {found.canonical}")
    for line in found.sets:
        output.say(f"set        {output.show(line)}")
    output.say(f"sql        {' '.join(found.sql.split())}")
    output.say(f"values     {output.show(repr(list(found.values)))}")
    for line in found.plan:
        output.say(f"plan       {line}")
