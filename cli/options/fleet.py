"""Options of commands that ask the caches of a fleet."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli import deferred_modules
from cachedb.cli.options.cache import catalog_url, open_files
from cachedb.cli.options.query import (
    parse_query,
    print_correction,
    print_files_coverage,
    print_nothing_matches,
    read_query,
)
from cachedb.errors import CacheNotFound, InvalidInput, NotALayout

if TYPE_CHECKING:
    from pathlib import Path

    from cachedb.cache import Cache
    from cachedb.fleet import Fleet
    from cachedb.operations.fleet.membership import Membership
    from cachedb.operations.read.run_query import QueryResult
    from cachedb.query.syntax.tree import Query

_INDEX_AND_PUBLISH = "cachedb index files --all on their hosts, then cachedb fleet sync"
FleetOption = Annotated[
    bool,
    typer.Option(
        "--fleet", help="Ask every cache of the database of --catalog, or of `cachedb fleet add`."
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only", metavar="CACHE", help="With --fleet: a cache, or a glob. Can be repeated."
    ),
]
WithoutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--without", metavar="CACHE", help="With --fleet: leave a cache out. Can be repeated."
    ),
]


def open_fleet(cache: Path | None) -> Fleet:
    """Open the fleet of --catalog, else the one to which the cache is published.

    A host without a cache can ask a fleet.

    Raises:
        InvalidInput: Neither names a database.
    """
    from cachedb.fleet import Fleet

    url = catalog_url()
    if url is None and (found := membership_of(cache)) is not None:
        url = found.url
    if url is None:
        what = "no fleet is named"
        raise InvalidInput(what, hint="--catalog URL; or cachedb fleet add URL, for this cache")
    deferred_modules.defer(*deferred_modules.OF_DRIVER)
    return Fleet.open(url)


def ask(
    cache: Path | None,
    query: Query,
    only: list[str] | None,
    without: list[str] | None,
    quiet: bool,  # noqa: FBT001  (an option)
) -> QueryResult:
    """Run a query on the chosen caches of the fleet; print what it cannot see unless quiet."""
    chosen, left_out = only or (), without or ()
    with open_fleet(cache) as fleet:
        answer = fleet.query(query, only=chosen, without=left_out)
        if not quiet:
            correction = fleet.correct_values(query, only=chosen, without=left_out)
            print_correction(correction)
            found = fleet.files_coverage(query, only=chosen, without=left_out)
            print_files_coverage(found, _INDEX_AND_PUBLISH)
            if not answer and query.expression is not None and correction is None:
                print_nothing_matches(query)
        return answer


def membership_of(cache: Path | None) -> Membership | None:
    """Return the fleet to which a cache is published; None without one, or without the cache."""
    opened = cache_or_none(cache)
    if opened is None:
        return None
    with opened:
        return opened.fleet()


def cache_or_none(cache: Path | None) -> Cache | None:
    """Open the files of the cache, for its saved queries; None if there is no cache."""
    with suppress(CacheNotFound, NotALayout):
        return open_files(cache)
    return None


def refuse_members(only: list[str] | None, without: list[str] | None) -> None:
    """Refuse the choice of members where no fleet is asked.

    Raises:
        InvalidInput: One is given.
    """
    if only or without:
        option = "--only" if only else "--without"
        raise InvalidInput(f"{option} chooses caches of a fleet", hint="--fleet")


def read_fleet_query(
    cache: Path | None, words: list[str], param: list[str] | None, tz: str | None
) -> Query:
    """Parse a query of a fleet, with the saved queries of the cache if there is one."""
    if not words:
        raise InvalidInput("no query given", hint="cachedb query --fleet refs arch:arm64")
    opened = cache_or_none(cache)
    if opened is None:
        return parse_query(words, param, tz)
    with opened:
        return read_query(opened, words, param, tz)
