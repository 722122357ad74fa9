"""Compiled SQL of the named statements and tables, one file a dialect; generated, and its reader.

The files are read once a process, with the loader of the package, so that they are found in a
zip archive as well.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADINGS = frozenset({"name", "table", "index", "row"})


@cache
def statements(dialect: str) -> Mapping[str, str]:
    """Return the text of every named statement of a dialect, by name."""
    return {name: text for _, name, text in _parts(f"{dialect}.sql")}


@cache
def tables(dialect: str) -> tuple[tuple[str, str, str], ...]:
    """Return kind (table, index, row), name and text of the DDL of an empty catalog, in order."""
    return tuple(_parts(f"{dialect}_tables.sql"))


@cache
def file_tables(dialect: str) -> tuple[tuple[str, str, str], ...]:
    """Return kind (table, index), name and text of the DDL of an empty index of files."""
    return tuple(_parts(f"{dialect}_file_tables.sql"))


def _parts(name: str) -> list[tuple[str, str, str]]:
    # Split by strings: a regular expression with MULTILINE takes 2 ms longer.
    found = []
    for piece in f"\n{_read(name)}".split("\n-- "):
        heading, _, text = piece.partition("\n")
        kind, _, key = heading.partition(": ")
        if kind in _HEADINGS:
            found.append((kind, key, text.rstrip().removesuffix(";")))
    return found


def _read(name: str) -> str:
    assert __spec__ is not None
    loader = __spec__.loader
    folder = __spec__.submodule_search_locations
    assert loader is not None
    assert folder is not None
    data: bytes = loader.get_data(f"{folder[0]}/{name}")  # type: ignore[attr-defined]
    return data.decode()
