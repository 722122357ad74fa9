"""``cachedb query``: run, explain and save queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from cachedb.cli.command import QueryCommand
from cachedb.cli.feedback.choices import QuietQueryOption
from cachedb.cli.options import fleet as fleets
from cachedb.cli.options.cache import CacheOption, open_cache, open_files
from cachedb.cli.options.common import FormatOption, NullOption
from cachedb.cli.options.completion import query as complete
from cachedb.cli.options.query import (
    QUERY_SETTINGS,
    ColumnsOption,
    GroupOption,
    LimitOption,
    OffsetOption,
    ParamOption,
    SortOption,
    TimeZoneOption,
    answer_with_notes,
    clauses,
    read_query,
)
from cachedb.cli.render import fitting, output, tables
from cachedb.cli.render.answers import fields_of, print_answer, print_explanation, showing
from cachedb.cli.render.tables import Column, Format
from cachedb.errors import InvalidInput, ValidationFailed

if TYPE_CHECKING:
    from cachedb.cache import Cache
    from cachedb.query.syntax.tree import Query

SETTINGS: Final = QUERY_SETTINGS
KIND: Final = QueryCommand
QueryArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="QUERY", help="One or several words.", autocompletion=complete),
]
ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Explain the query without running it.")
]
AnalyzeOption = Annotated[
    bool, typer.Option("--analyze", help="Explain the query and measure the cost of its sets.")
]
SqlOption = Annotated[bool, typer.Option("--sql", help="Print only the SQL statement.")]
SaveOption = Annotated[
    str | None, typer.Option("--save", metavar="NAME", help="Save the query as @NAME.")
]
DocOption = Annotated[
    str | None, typer.Option("--doc", metavar="TEXT", help="Description of the saved query.")
]
ForgetOption = Annotated[
    str | None, typer.Option("--forget", metavar="NAME", help="Delete the saved query @NAME.")
]
CheckOption = Annotated[bool, typer.Option("--check", help="List saved queries and their errors.")]
_SAVED = (
    Column("name"),
    Column("query"),
    Column("problem", shorten=fitting.whole),
    Column("doc", shorten=fitting.whole),
)


def command(
    words: QueryArgument = None,
    cache: CacheOption = None,
    form: FormatOption = Format.TABLE,
    sort: SortOption = None,
    limit: LimitOption = None,
    offset: OffsetOption = None,
    columns: ColumnsOption = None,
    group: GroupOption = None,
    param: ParamOption = None,
    fleet: fleets.FleetOption = False,
    only: fleets.OnlyOption = None,
    without: fleets.WithoutOption = None,
    tz: TimeZoneOption = None,
    explain: ExplainOption = False,
    analyze: AnalyzeOption = False,
    sql: SqlOption = False,
    save: SaveOption = None,
    doc: DocOption = None,
    forget: ForgetOption = None,
    check: CheckOption = False,
    quiet: QuietQueryOption = False,
    null: NullOption = False,
) -> None:
    """Query refs, blobs, links, packages or files.

    Flat queries need no quotes: cachedb query refs arch:arm64 size gt 100M not is:complete.
    Quote one with ( ) * ? < > ~ | in single quotes, and a text with blanks in double quotes
    inside of them: cachedb query 'name:acme/* label:"my key"="a b"'. --save, --forget and --check
    need files only, also where the catalog is in a server. --fleet asks several caches at once.
    """
    options = clauses(group=group, columns=columns, sort=sort, limit=limit, offset=offset)
    asked = [*(words or ()), *options]
    end = tables.line_end(form, quiet=quiet, null=null)
    if fleet:
        if any((explain, analyze, sql, save, doc, forget, check)):
            raise InvalidInput("--fleet runs a query and does nothing else", hint="cachedb query")
        query = showing(fleets.read_fleet_query(cache, asked, param, tz), form, quiet=quiet)
        print_answer(fleets.ask(cache, query, only, without, quiet), form, quiet=quiet, end=end)
        return
    fleets.refuse_members(only, without)
    needs_files_only = forget is not None or check or save is not None
    with (open_files if needs_files_only else open_cache)(cache) as opened:
        if forget is not None:
            opened.forget_query(forget.removeprefix("@"))
        elif check:
            _check(opened, form, quiet=quiet)
        elif not asked:
            raise InvalidInput("no query given", hint="cachedb query refs arch:arm64")
        elif save is not None:
            _save(opened, save.removeprefix("@"), asked, doc, quiet=quiet)
        elif doc is not None:
            raise InvalidInput("--doc needs --save", hint="--save NAME")
        else:
            query = read_query(opened, asked, param, tz)
            if analyze or explain or sql:
                explained = opened.analyze(query) if analyze else opened.explain(query)
                print_explanation(explained, only_sql=sql)
            else:
                _answer(opened, query, form, end, quiet=quiet)


def _answer(opened: Cache, query: Query, form: str, end: str, *, quiet: bool) -> None:
    answer = answer_with_notes(opened, query, fields_of(query, form, quiet=quiet), quiet=quiet)
    print_answer(answer, form, quiet=quiet, end=end)


def _save(opened: Cache, name: str, words: list[str], doc: str | None, *, quiet: bool) -> None:
    opened.save_query(name, " ".join(words), doc)
    if not quiet:
        output.print_stderr(f"saved as @{name}: {opened.parse(words)}")


def _check(opened: Cache, form: str, *, quiet: bool) -> None:
    found = opened.saved_queries()
    rows = [
        (each.name, each.text, None if each.problem is None else each.problem.why, each.doc)
        for each in found
    ]
    if not quiet:
        tables.render(_SAVED, rows, form)
    if broken := [f"@{each.name}" for each in found if each.problem is not None]:
        raise ValidationFailed(f"broken: {', '.join(broken)}")
