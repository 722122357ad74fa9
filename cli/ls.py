"""``cachedb ls``: list images."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cachedb.cli.command import QueryCommand
from cachedb.cli.feedback.choices import QuietQueryOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import ArchOption, FormatOption, NullOption, PlatformOption
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
    WhereOption,
    clauses,
    for_platforms,
    print_if_empty,
    print_notes,
    read_query,
)
from cachedb.cli.render import listings, output, tables
from cachedb.cli.render.tables import Format
from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cachedb.operations.read.listing import Listing

SETTINGS: Final = QUERY_SETTINGS
KIND: Final = QueryCommand


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[QUERY]", help="Query: tag:latest not is:complete.", autocompletion=complete
        ),
    ] = None,
    where: WhereOption = None,
    platform: PlatformOption = None,
    arch: ArchOption = None,
    cache: CacheOption = None,
    form: FormatOption = Format.TABLE,
    sort: SortOption = None,
    limit: LimitOption = None,
    offset: OffsetOption = None,
    columns: ColumnsOption = None,
    group: GroupOption = None,
    param: ParamOption = None,
    tz: TimeZoneOption = None,
    quiet: QuietQueryOption = False,
    null: NullOption = False,
) -> None:
    """List the images in the cache, or those that match a query.

    Without a query, an entry of index.json that cannot be read is a row without a name.

    --columns chooses columns under the names in the header, or those of a query. A query with show
    or group, or of another noun, is answered as by cachedb query.
    """
    if words and where is not None:
        raise InvalidInput("both QUERY and --where are given", hint="use one of them")
    chosen = tables.places_of(listings.COLUMNS, columns) if group is None else []
    columns = None if chosen else columns  # else a clause of the query
    asked = [
        *([where] if where is not None else words or ()),
        *clauses(group=group, columns=columns, sort=sort, limit=limit, offset=offset),
    ]
    end = tables.line_end(form, quiet=quiet, null=null)
    if not (asked or platform or arch):
        _list_all(cache, form, chosen, quiet=quiet, end=end)
        return
    with open_cache(cache) as opened:
        query = for_platforms(read_query(opened, asked or "refs", param, tz), platform, arch)
        if not quiet:
            print_notes(opened, (query,))
        fields = tables.fields_of(form)
        is_listing = not (query.clauses.show or query.clauses.group)
        has_all = {column.name for column in listings.COLUMNS}.issuperset(fields)
        if query.noun in {"refs", "images"} and is_listing and has_all:
            listed = opened.list(query)
            print_if_empty(opened, query, listed, quiet=quiet)
            _print(listed, form, chosen, quiet=quiet, end=end)
        else:
            from cachedb.cli.render.answers import print_answer

            answer = opened.query(query.showing(fields))
            print_if_empty(opened, query, answer, quiet=quiet)
            print_answer(answer, form, quiet=quiet, end=end)


def _list_all(
    cache: Path | None, form: str, chosen: Sequence[int], *, quiet: bool, end: str
) -> None:
    from cachedb.operations.read.listing import list_digests

    with open_cache(cache) as opened:
        if quiet:
            output.print_lines(opened.answer(list_digests), end)
            return
        rows = chain(
            listings.rows_of(opened.iter_images()),
            listings.rows_of_unreadable(opened.unreadable_entries(), form),
        )
        listings.render(rows, form, chosen, end=end, has_pins=opened.has_pins())


def _print(
    listed: Sequence[Listing], form: str, chosen: Sequence[int], *, quiet: bool, end: str
) -> None:
    if quiet:
        output.print_lines(chain.from_iterable(each.digests for each in listed), end)
        return
    has_pins = any(each.is_pinned for each in listed)
    listings.render(listings.rows_of(listed), form, chosen, end=end, has_pins=has_pins)
