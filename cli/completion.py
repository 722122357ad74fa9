"""Tab completion: names, digests and queries, without waking the rest of the program."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import typer

from cachedb.cli.folders import cache_folder

_LEAST = 7
_PLATFORMS = "platform"


def names(context: typer.Context, incomplete: str) -> list[str]:
    """Complete a name; what looks like a digest is completed as one."""
    from cachedb.catalog import hot

    field = "digest" if incomplete.startswith("sha256:") and len(incomplete) >= _LEAST else "name"
    return hot.values_of(_catalog(context), field, incomplete)


def query(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Complete the last word of a query: nouns, fields, flags, and values of the catalog."""
    from cachedb.query.complete import complete

    text = " ".join([*_words_before(context), incomplete])
    found = complete(text)
    head = incomplete[: len(incomplete) - len(found.prefix)]
    words = [(head + word.text, word.doc) for word in found.words]
    if found.values is not None and found.values.key is None:
        words += [
            (head + value, "") for value in _values(context, found.values.field, found.prefix)
        ]
    return words


def _values(context: typer.Context, field: str, prefix: str) -> list[str]:
    from cachedb.catalog import hot

    if field == _PLATFORMS:
        catalog = _catalog(context)
        system, slash, machine = prefix.partition("/")
        if not slash:
            return [f"{each}/" for each in hot.values_of(catalog, "os", system)]
        return [f"{system}/{each}" for each in hot.values_of(catalog, "arch", machine)]
    return hot.values_of(_catalog(context), field, prefix) if field in hot.COLUMNS else []


def _words_before(context: typer.Context) -> list[str]:
    """Return the words of the query before the one that is being written.

    bash tells them in COMP_WORDS, the other shells in the variable that typer has them fill.
    """
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or ""
    try:
        typed = shlex.split(line)
    except ValueError:  # a quote is still open
        typed = line.split()
    if "COMP_CWORD" in os.environ:
        typed = typed[: int(os.environ["COMP_CWORD"])]
    elif not line.endswith((" ", "\t")):
        typed = typed[:-1]
    name = context.info_name or ""
    after = typed[typed.index(name) + 1 :] if name in typed else []
    return [word for word in after if not word.startswith("--")]


def _catalog(context: typer.Context) -> Path:
    from cachedb.catalog.database_file import CATALOG

    given = context.params.get("cache") or os.environ.get("CACHEDB_CACHE")
    return cache_folder(Path(given) if given else None) / ".cachedb" / CATALOG
