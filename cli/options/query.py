"""Options that hold a query or parts of one, and what they select."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.options.completion import query_in_one_word
from cachedb.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.cache import Cache
    from cachedb.query.syntax.tree import Query

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
