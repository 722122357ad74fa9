"""``cachedb report``: space, platforms, ages, sharing and findings of a cache."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.fleet import (
    FleetOption,
    OnlyOption,
    WithoutOption,
    open_fleet,
    refuse_members,
)
from cachedb.cli.options.values import number
from cachedb.cli.render import output, tables
from cachedb.cli.render.tables import Format, parse_format
from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from cachedb.operations.report.model import CacheReport

_MARKDOWN = "markdown"
_TOP = 10


def _format(text: str) -> str:
    return text if text == _MARKDOWN else parse_format(text)


ReportFormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        parser=_format,
        metavar="FORMAT",
        help="table, json, markdown, csv, jsonl, or a template such as '{names} {size}'.",
        autocompletion=lambda: [*Format, _MARKDOWN],
    ),
]
SectionOption = Annotated[
    str | None,
    typer.Option("--section", metavar="NAME", help="Print one section with all of its columns."),
]
TopOption = Annotated[
    int | None,
    typer.Option(
        "--top",
        parser=number,
        metavar="NUMBER",
        help="Rows of each section.",
        show_default="10",
    ),
]
HtmlOption = Annotated[
    str | None,
    typer.Option(
        "--html", metavar="FILE", help="Write one self-contained page instead; - is stdout."
    ),
]


def command(
    cache: CacheOption = None,
    form: ReportFormatOption = Format.TABLE,
    section: SectionOption = None,
    top: TopOption = None,
    html: HtmlOption = None,
    fleet: FleetOption = False,
    only: OnlyOption = None,
    without: WithoutOption = None,
    quiet: QuietOption = False,
) -> None:
    """Report on the cache: space, platforms, ages, sharing, findings, growth.

    JSON is one document, whose schema is in the reference. CSV, JSON lines and templates print
    one section, by default `images`. Markdown is meant for summaries in CI.

    With --html, FILE becomes a page with a treemap, a platform matrix, charts and tables. It
    needs no network and no other file.

    --fleet reports on every cache of a fleet, and on blobs that several of them hold.
    """
    if fleet:
        if html is not None or (form == _MARKDOWN and not quiet):
            raise InvalidInput(
                "the report of a fleet is a table, JSON or CSV", hint="--format json"
            )
        with open_fleet(cache) as opened_fleet:
            found = opened_fleet.report(only=only or (), without=without or ())
        from cachedb.cli.render.reports import fleets

        fleets.print_report(found, section, form, top or _TOP, quiet=quiet)
        return
    refuse_members(only, without)
    if html is not None:
        if section is not None:
            raise InvalidInput("both --html and --section are given", hint="use one of them")
        _write_page(cache, html)
        return
    with open_cache(cache) as opened:
        report = opened.report()
    if quiet or section is not None or form not in {Format.TABLE, Format.JSON, _MARKDOWN}:
        _print_section(report, section or "images", form, quiet=quiet)
    elif form is Format.JSON:
        from cachedb.cli.render.reports.documents import print_json

        print_json(report)
    else:
        from cachedb.cli.render.reports import text

        printing = text.print_markdown if form == _MARKDOWN else text.print_text
        printing(report, top or _TOP)


def _print_section(report: CacheReport, section: str, form: str, *, quiet: bool) -> None:
    from cachedb.cli.render.reports.sections import rows_of

    if form == _MARKDOWN and not quiet:
        raise InvalidInput("--section: Markdown has all sections", hint="--format table")
    columns, rows = rows_of(report, section)
    if quiet:
        output.print_digests(tables.digests(columns, rows))
    else:
        tables.render(columns, rows, form)


def _write_page(cache: Path | None, path: str) -> None:
    """Write the page; a file appears complete or not at all, and none is written into a cache."""
    from cachedb.archive import output_file
    from cachedb.cli.render.reports.page import page

    if not path:
        raise InvalidInput("--html is empty", hint="--html FILE, or - for stdout")
    with open_cache(cache) as opened:
        if path != "-":
            output_file.refuse_inside(opened.root, path)
        report, layers = opened.report_with_layers()
    if path == "-":
        for chunk in page(report, layers):
            sys.stdout.buffer.write(chunk)
    else:
        output_file.write(path, page(report, layers))
