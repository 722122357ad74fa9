"""``cachedb log``: list the operations on a cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.feedback.choices import SilentOption
from cachedb.cli.options.cache import CacheOption, open_files
from cachedb.cli.options.common import FormatOption, SomeNamesArgument
from cachedb.cli.options.query import TimeZoneOption
from cachedb.cli.render import output, tables
from cachedb.cli.render.tables import Column, Format

if TYPE_CHECKING:
    from datetime import datetime

    from cachedb.operations.sync.history import Event


def _names(names: list[str]) -> str:
    return output.words(names)


def _time(value: datetime | str) -> str:
    return value if isinstance(value, str) else output.moment(value)


_COLUMNS = (
    Column("time", _time),
    Column("operation"),
    Column("user"),
    Column("size", output.size, is_number=True),
    Column("names", _names),
)


def command(
    names: SomeNamesArgument = None,
    cache: CacheOption = None,
    operation: Annotated[
        list[str] | None,
        typer.Option(
            "--operation",
            metavar="OPERATION",
            help="Operations of this kind only: pull, rm, gc or another. Can be repeated.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", metavar="NUMBER", min=1, help="Operations to print, the newest first."
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", help="Operations since a date or an age: 2026-01-31, 30d."
        ),
    ] = None,
    tz: TimeZoneOption = None,
    form: FormatOption = Format.TABLE,
    quiet: SilentOption = False,
) -> None:
    """List the operations on the cache, newest first.

    Pulls, imports, exports, pushes, copies, removals, collections and changes of pins, with their
    time, user, names and bytes: transferred, or freed. With NAME, those on a name, which need not
    exist any longer; `nginx` and `team/nginx` stand for every tag. The last 2000 operations are
    kept. An old one lists 20 of its names. With --tz, times are in that zone. Reads files only,
    also where the catalog is in a server.
    """
    with open_files(cache) as opened:
        found = opened.log(
            None if since is None else _moment(since, tz),
            operations=operation or (),
            names=names or (),
        )
    if quiet:
        return
    is_table = form is Format.TABLE
    rows = (_row(event, is_table=is_table) for event in found[:limit])
    tables.render(_COLUMNS, rows, form)


def _row(event: Event, *, is_table: bool) -> tuple[object, ...]:
    more = [f"… {event.more} more"] if event.more else []
    time = event.at if is_table else output.rfc3339(event.at)
    return time, event.operation, event.user, event.size, [*event.names, *more]


def _moment(text: str, zone: str | None) -> datetime:
    """Parse a date or an age as the query language does; a date stands for its beginning."""
    from datetime import UTC, datetime

    from cachedb.query.semantics import times
    from cachedb.query.syntax.tree import Source, Span

    now = datetime.now(UTC if zone is None else times.parse_zone(zone))
    span = Span(source=Source(text=text), start=0, end=len(text))
    return times.from_microseconds(times.parse(text, span, now).start)
