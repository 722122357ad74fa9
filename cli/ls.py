"""``cachedb ls``: what is in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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
    answered,
    open_cache,
    parameters,
)
from cachedb.cli.output import Column, Format

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachedb.operations.listing import Listing

SETTINGS = QUERY_SETTINGS
_COLUMNS = (
    Column("name", lambda name: name or "<none>"),
    Column("digest", output.digest),
    Column("platforms", output.words),
    Column("size", output.size, is_number=True),
    Column("state"),
)


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[QUERY]",
            help="Which ones: tag:latest not is:complete.",
            autocompletion=complete,
        ),
    ] = None,
    cache: CacheOption = None,
    form: FormatOption = Format.TABLE,
    param: ParamOption = None,
    quiet: QuietWordOption = False,
    _error_format: ErrorFormatOption = None,
) -> None:
    """List the images in the cache, or those that a query selects."""
    if not words:
        from cachedb.operations.listing import list_refs

        _print(answered(cache, list_refs), form, quiet=quiet)
        return
    with open_cache(cache) as opened:
        query = opened.parse(words, **parameters(param))
        if query.clauses or query.noun not in {"refs", "images"}:
            from cachedb.cli.query import print_answer

            print_answer(opened.query(query), form, quiet=quiet)
        else:
            _print(opened.list(query), form, quiet=quiet)


def _print(listed: Iterable[Listing], form: Format, *, quiet: bool) -> None:
    if quiet:
        for listing in listed:
            output.say(listing.digest)
        return
    rows = (
        (each.name, each.digest, [str(p) for p in each.platforms], each.size, str(each.health))
        for each in listed
    )
    output.render(_COLUMNS, rows, form)
