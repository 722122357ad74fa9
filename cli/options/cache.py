"""Options --cache and --catalog, and opening or creating the cache that they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cachedb.cli import deferred_modules
from cachedb.cli.feedback.choices import observer
from cachedb.cli.options.cache_folder import cache_folder
from cachedb.cli.render import output
from cachedb.errors import CatalogOfAnother

if TYPE_CHECKING:
    from collections.abc import Callable

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


class _Choice:
    """Catalog of the command line, which functions of commands are not given."""

    catalog: str | None = None


def _choose_catalog(url: str | None) -> str | None:
    if url is not None:
        deferred_modules.defer(*deferred_modules.OF_DRIVER)
    _Choice.catalog = url
    return url


CatalogOption = Annotated[
    str | None,
    typer.Option(
        "--catalog",
        metavar="URL",
        help="PostgreSQL database of the catalog: postgresql+psycopg://HOST/DATABASE?cache=NAME.",
        show_default=".cachedb/index.db in the cache",
        callback=_choose_catalog,
    ),
]


def catalog_url() -> str | None:
    """Return the URL of --catalog; None if the catalog is in the cache itself."""
    return _Choice.catalog


def open_cache(given: Path | None) -> Cache:
    """Open an existing cache."""
    from cachedb.cache import Cache

    opened = _opened(Cache.open, cache_folder(given))
    _print_problems(opened)
    return opened


def _opened(open_: Callable[..., Cache], folder: Path) -> Cache:
    """Open a cache; at a terminal, ask what to do where the catalog is that of another one."""
    try:
        return open_(folder, catalog=catalog_url(), progress=observer())
    except CatalogOfAnother as refused:
        import sys

        if not refused.is_copy or not sys.stdin.isatty():
            raise
        from cachedb.cli.feedback.confirmation import confirm

        output.print_stderr(f"cachedb: {refused}")
        confirm("give this copy a catalog of its own")
        from cachedb.cache import Cache

        Cache.detach(folder)
        return open_(folder, catalog=catalog_url(), progress=observer())


def open_files(given: Path | None) -> Cache:
    """Open an existing cache without its catalog, for what only needs files."""
    from cachedb.cache import Cache

    opened = Cache.open_files(cache_folder(given))
    _print_ignored(opened)
    return opened


def read_catalog(given: Path | None, answer: Callable[[Connection], _T]) -> _T:
    """Open a cache and return what `answer` reads in one transaction of its catalog."""
    with open_cache(given) as opened:
        return opened.answer(answer)


def _print_problems(opened: Cache) -> None:
    """Print which entries of index.json cannot be read, and what removes them."""
    _print_ignored(opened)
    found = opened.unreadable_entries()
    for each in found[:_MOST_PROBLEMS]:
        removal = f"cachedb rm '{each.address}'"
        output.print_stderr(f"unreadable entry in index.json: {each.problem} ({removal})")
    if len(found) > _MOST_PROBLEMS:
        output.print_stderr(
            f"{len(found) - _MOST_PROBLEMS} more unreadable entries (cachedb doctor)"
        )


def _print_ignored(opened: Cache) -> None:
    """Print why the configuration of the cache is ignored, if it is."""
    if ignored := opened.configuration_problem():
        output.print_stderr(f"warning: {ignored}")


def create_cache(given: Path | None) -> Cache:
    """Open a cache; create it first if the directory is absent or empty."""
    from cachedb.cache import Cache

    return _opened(Cache.create, cache_folder(given))
