"""The option that names the cache, and how a cache is opened for a command."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cachedb.cli.options.cache_folder import cache_folder
from cachedb.errors import CacheNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cachedb.cache import Cache
    from cachedb.catalog.executor import Connection

_T = TypeVar("_T")
CacheOption = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        envvar="CACHEDB_CACHE",
        metavar="DIR",
        help="The cache: the folder of an OCI image layout.",
        show_default="the user's cache folder",
    ),
]


def open_cache(given: Path | None) -> Cache:
    """Open a cache that is there."""
    from cachedb.cache import Cache

    with _hinting(given):
        return Cache.open(cache_folder(given))


def answered(given: Path | None, answer: Callable[[Connection], _T]) -> _T:
    """Open a cache, and answer from one state of its catalog."""
    with open_cache(given) as opened:
        return opened.answer(answer)


@contextmanager
def _hinting(given: Path | None) -> Iterator[None]:
    try:
        yield
    except CacheNotFound as error:
        if given is None and not os.environ.get("CACHEDB_CACHE"):
            error.hint = "cachedb pull NAME makes one there, or give one with --cache DIR"
        raise


def create_cache(given: Path | None) -> Cache:
    """Open a cache, which is made if it is not there."""
    from cachedb.cache import Cache

    return Cache.create(cache_folder(given))
