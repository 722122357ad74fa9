"""``cachedb fleet``: caches whose catalogs are in one database, to be asked together."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.feedback.choices import QuietFleetOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import FormatOption
from cachedb.cli.options.fleet import membership_of, open_fleet
from cachedb.cli.render import fitting, output, tables
from cachedb.cli.render.tables import Column, Format
from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path


class FleetAction(StrEnum):
    """Action on a fleet."""

    ADD = "add"
    LIST = "list"
    SYNC = "sync"
    RM = "rm"


ChangesOption = Annotated[
    bool,
    typer.Option("--after-changes", help="With add: publish after every change of the cache."),
]
_MEMBERS = (
    Column("cache", shorten=fitting.whole),
    Column("source"),
    Column("schema", is_number=True),
    Column("names", is_number=True),
    Column("images", is_number=True),
    Column("blobs", is_number=True),
    Column("size", output.size, is_number=True),
    Column("host"),
    Column("published"),
)


def command(
    action: Annotated[FleetAction, typer.Argument(help="add, list, sync or rm.")],
    target: Annotated[
        str | None,
        typer.Argument(metavar="[URL|NAME]", help="URL?cache=NAME to add, cache to remove."),
    ] = None,
    after_changes: ChangesOption = False,
    cache: CacheOption = None,
    form: FormatOption = Format.TABLE,
    quiet: QuietFleetOption = False,
) -> None:
    """Publish the catalog of the cache to a database, and list the caches there.

    `add` publishes a copy of the catalog under a name and remembers the URL, `sync` brings the
    copy up to date, and sends nothing if nothing has changed. A cache whose catalog is in the
    database is part of the fleet already. `list` shows the caches of the database of --catalog,
    else of `add`. `rm` removes the copy of this cache, or the one that is named.
    """
    if after_changes and action is not FleetAction.ADD:
        raise InvalidInput(
            f"fleet {action} takes no --after-changes", hint="cachedb fleet add URL"
        )
    if target is not None and action in {FleetAction.LIST, FleetAction.SYNC}:
        raise InvalidInput(f"fleet {action} takes no argument", hint=f"cachedb fleet {action}")
    match action:
        case FleetAction.ADD:
            _add(cache, target, follows_changes=after_changes, quiet=quiet)
        case FleetAction.LIST:
            _list(cache, form, quiet=quiet)
        case FleetAction.SYNC:
            _sync(cache, quiet=quiet)
        case FleetAction.RM:
            _remove(cache, target, quiet=quiet)


def _add(cache: Path | None, url: str | None, *, follows_changes: bool, quiet: bool) -> None:
    if url is None:
        hint = "cachedb fleet add 'postgresql+psycopg://HOST/DATABASE?cache=NAME'"
        raise InvalidInput("no URL given", hint=hint)
    with open_cache(cache) as opened:
        done = opened.join_fleet(url, follows_changes=follows_changes)
    if not quiet:
        output.print_stderr(f"published as {done.cache}: {output.count(done.rows, 'row')}")


def _sync(cache: Path | None, *, quiet: bool) -> None:
    with open_cache(cache) as opened:
        done = opened.publish()
    if not quiet:
        what = f"published {output.count(done.rows, 'row')}" if done.is_changed else "up to date"
        output.print_stderr(f"{done.cache}: {what}")


def _list(cache: Path | None, form: str, *, quiet: bool) -> None:
    with open_fleet(cache) as fleet:
        members = fleet.members()
    if quiet:
        for member in members:
            output.print_stdout(member.cache)
        return
    times = (None if m.published is None else output.rfc3339(m.published) for m in members)
    rows = [(*member[:-1], time) for member, time in zip(members, times, strict=True)]
    tables.render(_MEMBERS, rows, form)


def _remove(cache: Path | None, name: str | None, *, quiet: bool) -> None:
    own = membership_of(cache)
    own_name = None if own is None else own.cache
    chosen = name or own_name
    if chosen is None:
        raise InvalidInput("this cache is not published to a fleet", hint="cachedb fleet rm NAME")
    with open_fleet(cache) as fleet:
        fleet.remove(chosen)
    if chosen == own_name:
        with open_cache(cache) as opened:
            opened.leave_fleet()
    if not quiet:
        output.print_stderr(f"removed {chosen} from the fleet")
