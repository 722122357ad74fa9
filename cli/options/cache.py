"""Option --cache, and opening or creating the cache it names."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cachedb.cli.options.cache_folder import cache_folder
from cachedb.cli.render import output
from cachedb.errors import CacheNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cachedb.cache import Cache
    from cachedb.catalog.executor import Connection

_T = TypeVar("_T")
_MOST_PROBLEMS = 3
CacheOption = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        help="Directory of the cache, an OCI image layout.",
        show_default="~/.cache/cachedb/layout",
    ),
]


def open_cache(given: Path | None) -> Cache:
    """Open an existing cache."""
    from cachedb.cache import Cache

    with _with_hint(given):
        opened = Cache.open(cache_folder(given))
    _print_problems(opened)
    return opened


def read_catalog(given: Path | None, answer: Callable[[Connection], _T]) -> _T:
    """Open a cache and return what `answer` reads in one transaction of its catalog."""
    with open_cache(given) as opened:
        return opened.answer(answer)


def _print_problems(opened: Cache) -> None:
    """Print which entries of index.json cannot be read, and what removes them."""
    if ignored := opened.configuration_problem():
        output.print_stderr(f"warning: {ignored}")
    found = opened.unreadable_entries()
    for each in found[:_MOST_PROBLEMS]:
        removal = f"cachedb rm '{each.address}'"
        output.print_stderr(f"unreadable entry in index.json: {each.problem} ({removal})")
    if len(found) > _MOST_PROBLEMS:
        output.print_stderr(
            f"{len(found) - _MOST_PROBLEMS} more unreadable entries (cachedb doctor)"
        )


@contextmanager
def _with_hint(given: Path | None) -> Iterator[None]:
    try:
        yield
    except CacheNotFound as error:
        if given is None:
            error.hint = "cachedb pull NAME creates it, or choose another with --cache DIR"
        raise


def create_cache(given: Path | None) -> Cache:
    """Open a cache; create it first if the directory is absent or empty."""
    from cachedb.cache import Cache

    return Cache.create(cache_folder(given))
