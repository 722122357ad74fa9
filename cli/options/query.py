"""Options with a query or a clause of one, and the images that they select."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cachedb.cli.options.common import platforms
from cachedb.cli.options.completion import query_in_one_word
from cachedb.cli.render.output import choose_zone, count, print_stderr
from cachedb.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cachedb.cache import Cache
    from cachedb.catalog.statements.index.file_entries import FilesCoverageRow
    from cachedb.operations.read.misspelled_values import Correction
    from cachedb.operations.read.run_query import QueryResult
    from cachedb.query.syntax.tree import Query

# `sort -size` is a query, so words with one dash that are no options are its words.
QUERY_SETTINGS: dict[str, Any] = {"ignore_unknown_options": True, "help_option_names": ["--help"]}


def query_option(name: str, summary: str) -> Any:
    """Declare an option whose value is a query of images."""
    return typer.Option(name, metavar="QUERY", help=summary, autocompletion=query_in_one_word)


WhereOption = Annotated[str | None, query_option("--where", "Select the images that match QUERY.")]
ParamOption = Annotated[
    list[str] | None,
    typer.Option(
        "--param", metavar="NAME=VALUE", help="Value of $NAME in the query. Can be repeated."
    ),
]
TimeZoneOption = Annotated[
    str | None,
    typer.Option(
        "--tz",
        metavar="ZONE",
        help="Time zone of dates: Europe/Berlin, +02:00.",
        show_default="UTC",
        callback=choose_zone,
    ),
]
SortOption = Annotated[
    str | None,
    typer.Option("--sort", metavar="KEYS", help="Clause `sort KEYS`; -size,name: largest first."),
]
LimitOption = Annotated[
    str | None, typer.Option("--limit", metavar="NUMBER", help="Clause `limit NUMBER`.")
]
OffsetOption = Annotated[
    str | None, typer.Option("--offset", metavar="NUMBER", help="Clause `offset NUMBER`.")
]
ColumnsOption = Annotated[
    str | None, typer.Option("--columns", metavar="COLUMNS", help="Clause `show COLUMNS`.")
]
GroupOption = Annotated[
    str | None, typer.Option("--group-by", metavar="FIELDS", help="Clause `group FIELDS`.")
]


def read_query(
    opened: Cache,
    words: str | Sequence[str],
    params: list[str] | None,
    zone: str | None,
    noun: str = "refs",
) -> Query:
    """Parse a query with the saved queries of the cache, and the values of --param and --tz."""
    return _in_zone(opened.parse(words, noun, **parameters(params)), zone)


def for_platforms(query: Query, platform: list[str] | None, arch: list[str] | None) -> Query:
    """Restrict a query to images for one of the platforms of --platform and --arch, if any.

    Raises:
        InvalidPlatform: A value is not a platform.
    """
    chosen = platforms(platform, arch)
    if not chosen:
        return query
    from cachedb.query.syntax import quoting
    from cachedb.query.syntax.parser import parse

    values = ",".join(quoting.value(str(each)) for each in chosen)
    return query.within(parse(f"{query.noun} platform:{values}"))


def parse_query(words: Sequence[str], params: list[str] | None, zone: str | None) -> Query:
    """Parse a query without saved queries."""
    from cachedb.query.syntax.parser import parse

    return _in_zone(parse(words, params=parameters(params)), zone)


def _in_zone(found: Query, zone: str | None) -> Query:
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
    """Return the clauses that options add to a query, as its words."""
    said = (
        ("group", group), ("show", columns), ("sort", sort), ("limit", limit), ("offset", offset)
    )  # fmt: skip
    return [f"{word} {value}" for word, value in said if value is not None]


def selection(
    opened: Cache, where: str | None, params: list[str] | None, zone: str | None, *, quiet: bool
) -> Query | None:
    """Parse the query of --where, and print notes about it unless quiet; None without one."""
    if where is None:
        return None
    query = read_query(opened, where, params, zone)
    if not quiet:
        print_notes(opened, (query,))
    return query


def print_if_empty(opened: Cache, query: Query | None, found: object, *, quiet: bool) -> None:
    """Print that a query matches nothing, if `found` is empty, and what was probably meant.

    Nothing is printed if `print_correction` has said so. A table of no rows looks like one that
    failed, and a check of no image like one that passed.
    """
    if query is None or query.expression is None or quiet or found:
        return  # all rows of a noun are none: there is nothing to correct
    if opened.correct_values(query) is not None:
        return
    print_nothing_matches(query, opened.meant_where_empty(query))


def print_nothing_matches(query: Query, meant: str | None = None) -> None:
    """Print that a query matches nothing, with the one that was probably meant if there is one."""
    told = f" `{query}`" if meant is None else f"; did you mean `{meant}`?"
    print_stderr(f"nothing matches{told}")


def print_notes(opened: Cache, queries: Iterable[Query]) -> None:
    """Print what queries cannot see, and values in them that the cache does not know.

    A line for images without an SBOM, one for images without indexed files, one for `is:indexed`
    where it may be meant for the other index, and one for each query that may be misspelled.
    """
    queries = list(queries)
    for query in queries:
        print_correction(opened.correct_values(query))
    _print_other_index(opened, queries)
    found = next(filter(None, map(opened.files_coverage, queries)), None)
    print_files_coverage(found, "cachedb index files --all")
    _print_sbom_coverage(opened, queries)


def print_correction(found: Correction | None) -> None:
    """Print the query that may be meant by one whose values match nothing."""
    if found is not None:
        verb = "matches" if len(found.terms) == 1 else "match"
        terms = ", ".join(f"`{term}`" for term in found.terms)
        print_stderr(f"{terms} {verb} nothing; did you mean `{found.query}`?")


def answer_with_notes(
    opened: Cache, query: Query, fields: Sequence[str], *, quiet: bool
) -> QueryResult:
    """Run a query, with its notes and what was probably meant where the answer is empty."""
    if not quiet:
        print_notes(opened, (query,))
    answer = opened.query(query.showing(fields))
    print_if_empty(opened, query, answer, quiet=quiet)
    return answer


def _print_sbom_coverage(opened: Cache, queries: Sequence[Query]) -> None:
    found = next(filter(None, map(opened.sbom_coverage, queries)), None)
    if found is None or found.is_whole:
        return
    parts = []
    if found.without:
        lack = "has" if found.without == 1 else "have"
        parts.append(f"{found.without} of {count(found.refs, 'ref')} {lack} no SBOM with packages")
    if found.unreadable:
        sboms = count(found.unreadable, "SBOM")
        parts.append(f"{sboms} cannot be read, or only in part (cachedb doctor)")
    print_stderr("; ".join(parts))


def chosen_names(opened: Cache, names: list[str] | None, query: Query | None) -> list[str]:
    """Return the names given and those that the query selects.

    Raises:
        InvalidInput: Neither names nor a query are given.
        NotFound: No names are given, and the query matches no image.
    """
    if query is None:
        if not names:
            raise InvalidInput("no image given", hint="NAME, or --where QUERY")
        return names
    selected = opened.selected_names(query)
    if not selected and not names:
        raise NotFound(f"no image matches {str(query)!r}")
    return [*(names or ()), *selected]


def parameters(given: list[str] | None) -> dict[str, str]:
    """Parse the values of --param."""
    found = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput(f"invalid parameter {text!r}", hint="write --param NAME=VALUE")
        found[name.removeprefix("$")] = value
    return found


def _print_other_index(opened: Cache, queries: Sequence[Query]) -> None:
    if any(map(opened.tests_indexed_refs, queries)):
        print_stderr(
            "of refs, is:indexed is about packages of SBOMs; is:listed about the index of files"
        )


def print_files_coverage(found: FilesCoverageRow | None, remedy: str) -> None:
    """Print how many images a query of files cannot see, with the commands that mend it."""
    if found is not None and found.without:
        verb = "is" if found.without == 1 else "are"
        print_stderr(
            f"{found.without} of {count(found.refs, 'ref')} {verb} not indexed ({remedy})"
        )
