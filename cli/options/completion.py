"""Tab completion: names, digests and queries, with few imports."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from cachedb.cli.options.cache_folder import cache_folder
from cachedb.errors import CacheError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.catalog.place import CatalogPlace
    from cachedb.query.tools.complete import Completion, ValuesOf

_LEAST: Final = 7
_ADDRESSES: Final = "index.json["
_SPLIT: Final = {
    "platform": ("platform", "os", "architecture"),
    "repository": ("ref", "registry", "repo"),
}
_ENDS_OF_UNFINISHED: Final = (":", ".", "(", "/")
# Characters at which bash breaks words.
_BREAKS: Final = frozenset(":=")
_BASH: Final = "complete_bash"


def names(context: typer.Context, incomplete: str) -> list[str]:
    """Complete a name; a text that looks like a digest is completed as one."""
    from cachedb.query.tools.value_columns import DIGESTS, NAMES

    is_digest = incomplete.startswith("sha256:") and len(incomplete) >= _LEAST
    return _values_of(context, DIGESTS if is_digest else NAMES, incomplete)


def removable(context: typer.Context, incomplete: str) -> list[str]:
    """Complete a name, a digest, or the address of an entry that cannot be read."""
    if not incomplete.startswith(_ADDRESSES):
        return names(context, incomplete)
    from cachedb.catalog import completion
    from cachedb.catalog.enums import INDEX_PROBLEMS
    from cachedb.layout.unreadable_entry import read_recorded

    catalog = _catalog(context)
    if isinstance(catalog, Path):
        recorded = completion.recorded(catalog, INDEX_PROBLEMS)
    else:
        recorded = completion.recorded_at(catalog, INDEX_PROBLEMS)
    found = read_recorded(recorded or "[]")
    return [each.address for each in found if each.address.startswith(incomplete)]


def query(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Complete the last word of a query of several words."""
    before = context.params.get("words") or ()
    return _complete(context, [*before, incomplete], "refs")


def query_in_one_word(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Complete a query that is the value of an option: the last word of it."""
    return _complete(context, [incomplete], "refs")


def query_of_blobs(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Complete a query of blobs that is the value of an option."""
    return _complete(context, [incomplete], "blobs")


def _complete(context: typer.Context, words: list[str], noun: str) -> list[tuple[str, str]]:
    from cachedb.query.tools.complete import complete

    saved = _saved(context)
    found = _candidates(context, complete(" ".join(words), noun=noun, saved=saved), words[-1])
    if len(found) == 1 and found[0][0].endswith(_ENDS_OF_UNFINISHED):
        # A shell appends a blank to the only candidate, which would end the word.
        words = [*words[:-1], found[0][0]]
        further = complete(" ".join(words), noun=noun, saved=saved)
        found = _candidates(context, further, words[-1]) or found
    return found


def _candidates(
    context: typer.Context, found: Completion, incomplete: str
) -> list[tuple[str, str]]:
    head = incomplete[: len(incomplete) - len(found.prefix)]
    candidates = [(word.text, word.doc) for word in found.words]
    if found.values is not None:
        values = _values(context, found.values, found.prefix)
        candidates += [(value, "") for value in values]
    return [(head + text, doc) for text, doc in candidates]


def _values(context: typer.Context, wanted: ValuesOf, prefix: str) -> list[str]:
    from cachedb.query.tools.value_columns import COLUMNS

    if wanted.field in _SPLIT:
        return _in_two_parts(context, wanted.field, prefix)
    if wanted.key is None:
        known = COLUMNS[wanted.sort.value].get(wanted.field)
        return [] if known is None else _values_of(context, known, prefix)
    if wanted.field == "pkg":
        return _values_of(context, ("package", "version", "name"), prefix, wanted.key)
    table, key = COLUMNS[wanted.sort.value][wanted.field]
    return _values_of(context, (table, "value", key), prefix, wanted.key)


def _in_two_parts(context: typer.Context, field: str, prefix: str) -> list[str]:
    """Complete values with a slash, one part at a time."""
    table, first, second = _SPLIT[field]
    before, slash, behind = prefix.partition("/")
    if not slash:
        found = _values_of(context, (table, first), before)
        return [f"{each}/" for each in found if each != "unknown"]
    found = _values_of(context, (table, second, first), behind, before)
    return [f"{before}/{each}" for each in found]


def _values_of(
    context: typer.Context, column: tuple[str, ...], prefix: str, key: str = ""
) -> list[str]:
    from cachedb.catalog import completion
    from cachedb.catalog.statements.completion import Values

    catalog = _catalog(context)
    if isinstance(catalog, Path):
        return completion.values_of(catalog, Values(*column), prefix, key)
    return completion.values_at(catalog, Values(*column), prefix, key)


def _saved(context: typer.Context) -> dict[str, str]:
    from cachedb.operations.read.saved_queries import load_leniently

    return load_leniently(_folder(context))


def _folder(context: typer.Context) -> Path:
    given = context.params.get("cache")
    return cache_folder(Path(given) if given else None)


def _catalog(context: typer.Context) -> Path | CatalogPlace:
    """Return the file of the catalog, or its place in the server of --catalog."""
    from cachedb.cli.options.cache import catalog_url

    url = catalog_url()
    if url is not None:
        from cachedb.layout import Layout
        from cachedb.operations.sync import open_catalog

        with suppress(CacheError), Layout.open(_folder(context)) as layout:
            return open_catalog.place_of(layout, url)
    from cachedb.catalog.database_file import CATALOG

    return _folder(context) / ".cachedb" / CATALOG


# -- bash ----------------------------------------------------------------------------------


@contextmanager
def as_bash_breaks_words() -> Iterator[None]:
    """Complete whole words in bash, and print the part that bash asked for.

    bash breaks words at colons and equals signs, so that `tag:la` arrives as three words, and a
    candidate replaces the last of them alone.
    """
    words = os.environ.get("COMP_WORDS", "").split("\n")
    place = os.environ.get("COMP_CWORD", "")
    if os.environ.get("_CACHEDB_COMPLETE") != _BASH or not place.isdecimal():
        yield
        return
    current = int(place)
    whole, kept = _glued(words[: current + 1])
    os.environ["COMP_WORDS"] = "\n".join(whole)
    os.environ["COMP_CWORD"] = str(len(whole) - 1)
    written = io.StringIO()
    try:
        with redirect_stdout(written):
            yield
    finally:
        lines = written.getvalue().splitlines()
        sys.stdout.write("".join(f"{line[len(kept) :]}\n" for line in lines))


def _glued(words: list[str]) -> tuple[list[str], str]:
    """Join broken words; return them, and the part of the last one before its break."""
    whole: list[str] = []
    kept = ""
    is_open = False
    for word in words:
        is_break = bool(word) and set(word) <= _BREAKS
        if whole and (is_break or is_open):
            kept = whole[-1] + (word if is_break else "")
            whole[-1] += word
        else:
            kept = ""
            whole.append(word)
        is_open = is_break
    return whole, kept
