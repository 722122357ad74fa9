"""Options and arguments that several commands share, and how a cache is opened for them."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cachedb.cli.completion import names, query_in_one_word
from cachedb.cli.folders import cache_folder
from cachedb.cli.output import Format, parse_format
from cachedb.errors import CacheNotFound, InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cachedb.cache import Cache
    from cachedb.catalog.named_queries import Asking
    from cachedb.query.syntax.tree import Query

_T = TypeVar("_T")

_DURATION = re.compile(r"(\d+)(s|min|h|d|w)?")
_PERCENT = re.compile(r"(\d{1,3})%")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}

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
FormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        parser=parse_format,
        metavar="FORMAT",
        help="table, json, jsonl, csv, or a text with fields: '{name} {size}'.",
        autocompletion=lambda: list(Format),
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Say less.")]
# A query may say `sort -size`: commands that take one have no options of one letter.
QUERY_SETTINGS = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
QuietWordOption = Annotated[bool, typer.Option("--quiet", help="Say less.")]
WhereOption = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="QUERY",
        help="The images that this query selects.",
        autocompletion=query_in_one_word,
    ),
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=VALUE", help="What $NAME stands for in the query."),
]
TimeZoneOption = Annotated[
    str | None,
    typer.Option(
        "--tz",
        envvar="CACHEDB_TZ",
        metavar="ZONE",
        help="Where dates are read and shown: Europe/Berlin, +02:00.",
        show_default="UTC",
    ),
]
SortOption = Annotated[
    str | None,
    typer.Option("--sort", metavar="KEYS", help="As `sort KEYS`: -size,name is largest first."),
]
LimitOption = Annotated[
    str | None, typer.Option("--limit", metavar="NUMBER", help="As `limit NUMBER`.")
]
OffsetOption = Annotated[
    str | None, typer.Option("--offset", metavar="NUMBER", help="As `offset NUMBER`.")
]
ColumnsOption = Annotated[
    str | None, typer.Option("--columns", metavar="COLUMNS", help="As `show COLUMNS`.")
]
GroupOption = Annotated[
    str | None, typer.Option("--group-by", metavar="FIELDS", help="As `group FIELDS`.")
]
NullOption = Annotated[
    bool,
    typer.Option(
        "--null",
        "-0",
        help="With --quiet or fields: end lines with a NUL, as xargs -0 reads them.",
    ),
]
NamesArgument = Annotated[
    list[str], typer.Argument(metavar="NAME...", help="Names or digests.", autocompletion=names)
]
SomeNamesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        help="Names or digests.",
        autocompletion=names,
    ),
]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A name or a digest.", autocompletion=names)
]
PlatformOption = Annotated[
    list[str] | None,
    typer.Option("--platform", "-p", metavar="OS/ARCH[/VARIANT]", help="May be given again."),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Say what would be done, and do nothing.")
]


def open_cache(given: Path | None) -> Cache:
    """Open a cache that is there."""
    from cachedb.cache import Cache

    with _hinting(given):
        return Cache.open(cache_folder(given))


def answered(given: Path | None, answer: Callable[[Asking], _T]) -> _T:
    """Answer from the catalog at a glance, or when that cannot be, after opening the cache."""
    from cachedb.operations.read.fast_path import glance

    with _hinting(given):
        found = glance(cache_folder(given), answer)
    if found is not None:
        return found
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


def read_query(
    opened: Cache,
    words: str | Sequence[str],
    params: list[str] | None,
    zone: str | None,
    noun: str = "refs",
) -> Query:
    """Read a query, in which saved queries and parameters may be used."""
    found = opened.parse(words, noun, **_parameters(params))
    if zone is None:
        return found
    from cachedb.query.semantics.times import parse_zone

    return found.replace(zone=parse_zone(zone))


def clauses(
    *,
    group: str | None,
    columns: str | None,
    sort: str | None,
    limit: str | None,
    offset: str | None,
) -> list[str]:
    """Return the clauses that options stand for, as words of a query."""
    said = (
        ("group", group), ("show", columns), ("sort", sort), ("limit", limit), ("offset", offset)
    )  # fmt: skip
    return [f"{word} {value}" for word, value in said if value is not None]


def selection(
    opened: Cache, where: str | None, params: list[str] | None, zone: str | None
) -> Query | None:
    """Read the query of --where, if there is one."""
    return None if where is None else read_query(opened, where, params, zone)


def chosen_names(opened: Cache, names: list[str] | None, query: Query | None) -> list[str]:
    """Return the names given and those of the images that --where selects; at least one."""
    if query is None:
        if not names:
            raise InvalidInput("say which images: names, or --where QUERY")
        return names
    selected = [root.name or str(root.digest) for root in opened.targets((), query)]
    if not selected and not names:
        raise NotFound(f"no image is selected by {str(query)!r}")
    return [*(names or ()), *selected]


def _parameters(given: list[str] | None) -> dict[str, str]:
    """Read the values of --param."""
    found = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput(f"{text!r} is not a parameter", hint="write --param NAME=VALUE")
        found[name.removeprefix("$")] = value
    return found


def fraction(text: str) -> float:
    """Read a part of a whole, such as ``20%``."""
    matched = _PERCENT.fullmatch(text)
    if matched is None or int(matched[1]) > 100:  # noqa: PLR2004
        raise InvalidInput(f"{text!r} is not a part of a whole", hint="write 20%")
    return int(matched[1]) / 100


def seconds(text: str) -> float:
    """Read a duration: ``90s``, ``30min``, ``1h``, ``2d``, ``1w``, or 0."""
    matched = _DURATION.fullmatch(text)
    if matched is None or (matched[2] is None and matched[1] != "0"):
        raise InvalidInput(f"{text!r} is not a duration", hint="write 90s, 30min, 1h, 2d or 1w")
    return float(int(matched[1]) * _SECONDS[matched[2] or "s"])
