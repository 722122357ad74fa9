"""``cachedb query``: questions in the query language."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cachedb.cli import output
from cachedb.cli.completion import query as complete
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
from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from cachedb.operations.ask import Answer, Explained
    from cachedb.query.compile import OutputColumn


SETTINGS = QUERY_SETTINGS


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="QUERY", help="May be several words; see the guide.", autocompletion=complete
        ),
    ] = None,
    cache: CacheOption = None,
    form: FormatOption = Format.TABLE,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what the query comes to, and do not run it.")
    ] = False,
    save: Annotated[
        str | None, typer.Option("--save", metavar="NAME", help="Keep the query, as @NAME.")
    ] = None,
    forget: Annotated[
        str | None, typer.Option("--forget", metavar="NAME", help="Forget the query @NAME.")
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
        if forget is not None:
            opened.forget_query(forget.removeprefix("@"))
            return
        if not words:
            raise InvalidInput("say what to ask for", hint="cachedb query refs arch:arm64")
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


def _explain(found: Explained, *, only_sql: bool) -> None:
    query = found.query
    if only_sql:
        output.say(query.sql)
        return
    output.say(f"canonical  {output.show(query.canonical)}")
    output.say(f"meaning    {output.show(query.meaning)}")
    for each in query.sets:
        output.say(f"set        {each.name}: {output.show(each.meaning)}")
    for note in query.notes:
        output.say(f"note       {output.show(note)}")
    output.say(f"sql        {' '.join(query.sql.split())}")
    output.say(f"values     {output.show(repr(list(query.parameters)))}")
    for line in found.plan:
        output.say(f"plan       {line}")
