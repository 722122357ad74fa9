"""Saved queries in the configuration file of a cache.

The file is ``.cachedb/cachedb.toml``, with a table ``[queries]``. Users may edit it: all other
lines, comments included, stay unchanged.
"""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from cachedb.errors import InvalidInput
from cachedb.operations.read import cache_configuration
from cachedb.operations.read.cache_configuration import CONFIGURATION
from cachedb.operations.read.cache_configuration import PATH as _PATH
from cachedb.patterns import lazy
from cachedb.query.semantics import macros
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cachedb.errors import QueryError
    from cachedb.layout import Layout

_TABLE: Final = "queries"
_ANY_HEAD: Final = lazy(r"^[ \t]*\[", re.MULTILINE)
_HEAD: Final = lazy(r"^[ \t]*\[[ \t]*queries[ \t]*\][^\n]*\n?", re.MULTILINE)


class SavedQuery(Record):
    """A saved query with its description, and its error if it is not valid."""

    name: str
    """Name, without ``@``."""
    text: str
    """Text of the query."""
    doc: str | None
    """Description; None without one."""
    problem: QueryError | None
    """Error of a query that is not valid; None otherwise."""


def load(layout: Layout) -> dict[str, str]:
    """Return the texts of the saved queries of a cache by name.

    Raises:
        InvalidInput: The file is not TOML, or holds something else than queries.
    """
    return {name: text for name, (text, _) in _entries(cache_configuration.read(layout)).items()}


def load_leniently(root: Path) -> dict[str, str]:
    """Return the description or text of each saved query, for completion; {} on any error."""
    try:
        entries = _entries(cache_configuration.parse((root / _PATH).read_text(encoding="utf-8")))
    except (InvalidInput, OSError, UnicodeDecodeError):
        return {}
    return {name: doc or text for name, (text, doc) in entries.items()}


def list_saved(layout: Layout) -> tuple[SavedQuery, ...]:
    """Read every saved query of a cache, in the order of the file; raises as `load` does."""
    entries = _entries(cache_configuration.read(layout))
    texts = {name: text for name, (text, _) in entries.items()}
    problems = macros.read(texts, now=datetime.now(UTC)).problems
    return tuple(
        SavedQuery(name=name, text=text, doc=doc, problem=problems.get(name))
        for name, (text, doc) in entries.items()
    )


def save(layout: Layout, name: str, text: str, doc: str | None = None) -> None:
    """Save a query under a name; an older query of that name is replaced.

    Raises:
        QueryError: The name or the query is invalid, or the query refers to itself. InvalidInput:
        `doc` does not print; or the file cannot be read, or cannot be changed without losing other
        content.
    """
    content = cache_configuration.content_to_change(layout)
    document = cache_configuration.parse(content)
    texts = {key: each for key, (each, _) in _entries(document).items()}
    macros.add(texts, name, text, now=datetime.now(UTC))
    if doc is not None and not doc.isprintable():
        raise InvalidInput("the description of a query is one line of printable text")
    entry = text if doc is None else {"query": text, "doc": doc}
    _change(layout, content, document, name, entry)


def forget(layout: Layout, name: str) -> None:
    """Remove a saved query.

    Raises:
        QueryError: No saved query has that name, or another one uses it.
        InvalidInput: The file cannot be read, or not be changed without losing something.
    """
    content = cache_configuration.content_to_change(layout)
    document = cache_configuration.parse(content)
    macros.remove({key: each for key, (each, _) in _entries(document).items()}, name)
    _change(layout, content, document, name, None)


def _entries(document: Mapping[str, Any]) -> dict[str, tuple[str, str | None]]:
    """Return text and description of each: an entry is a text, or a table of the two."""
    found = document.get(_TABLE, {})
    if not isinstance(found, dict):
        raise InvalidInput(f"{_PATH}: {_TABLE} has to be a table")
    return {name: _entry(name, entry) for name, entry in found.items()}


def _entry(name: str, entry: object) -> tuple[str, str | None]:
    if isinstance(entry, str):
        return entry, None
    if isinstance(entry, dict) and entry.keys() <= {"query", "doc"}:
        text, doc = entry.get("query"), entry.get("doc")
        if isinstance(text, str) and (doc is None or isinstance(doc, str)):
            return text, doc
    raise InvalidInput(
        f"{_PATH}: {name!r} in [{_TABLE}] is not a query",
        hint=f'write {name} = "refs …", or {name} = {{query = "refs …", doc = "…"}}',
    )


def _change(
    layout: Layout,
    content: str,
    document: dict[str, Any],
    name: str,
    entry: str | dict[str, str] | None,
) -> None:
    """Write or remove one entry, and leave every other line unchanged."""
    changed = _with_line(content, name, entry)
    entries = {**document.get(_TABLE, {}), name: entry}
    wanted = {key: each for key, each in entries.items() if each is not None}
    # A text of several lines, or a separate table, cannot be replaced by one line.
    try:
        is_as_wanted = tomllib.loads(changed) == {**document, _TABLE: wanted}
    except tomllib.TOMLDecodeError:
        is_as_wanted = False
    if not is_as_wanted:
        raise InvalidInput(
            f"{_PATH} cannot be changed without losing other content",
            hint=f"edit {name} there by hand",
        )
    layout.replace_own(CONFIGURATION, changed.encode())


def _with_line(content: str, name: str, entry: str | dict[str, str] | None) -> str:
    written = "" if entry is None else f"{name} = {_in_toml(entry)}\n"
    head = _HEAD.search(content)
    if head is None:
        blank = "\n" if content else ""
        return f"{content}{blank}[{_TABLE}]\n{written}"
    following = _ANY_HEAD.search(content, head.end())
    end = following.start() if following else len(content)
    before, table, behind = content[: head.end()], content[head.end() : end], content[end:]
    line = re.compile(rf"^[ \t]*{re.escape(name)}[ \t]*=[^\n]*(?:\n|\Z)", re.MULTILINE)
    if line.search(table):
        return before + line.sub(lambda _: written, table, count=1) + behind
    kept = (before + table).rstrip("\n")
    return f"{kept}\n{written}{(before + table)[len(kept) + 1 :]}{behind}"


def _in_toml(entry: str | dict[str, str]) -> str:
    # A string of JSON is a basic string of TOML.
    if isinstance(entry, str):
        return json.dumps(entry, ensure_ascii=False)
    parts = (f"{key} = {json.dumps(text, ensure_ascii=False)}" for key, text in entry.items())
    return f"{{ {', '.join(parts)} }}"
