"""Compiled SQL of the named statements and tables, one file a dialect; generated, and its reader.

The files are read once a process, with the loader of the package, so that they are found in a
zip archive as well.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from cachedb.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMED = lazy(r"^-- (name|table|index|row): (.+)\n", re.MULTILINE)


@cache
def statements(dialect: str) -> Mapping[str, str]:
    """Return the text of every named statement of a dialect, by name."""
    return {name: text for _, name, text in _parts(f"{dialect}.sql")}


@cache
def tables(dialect: str) -> tuple[tuple[str, str, str], ...]:
    """Return kind (table, index, row), name and text of what makes an empty catalog, in order."""
    return tuple(_parts(f"{dialect}_tables.sql"))


@cache
def file_tables(dialect: str) -> tuple[tuple[str, str, str], ...]:
    """Return kind (table, index), name and text of what makes an empty index of files."""
    return tuple(_parts(f"{dialect}_file_tables.sql"))


def _parts(name: str) -> list[tuple[str, str, str]]:
    pieces = _NAMED.split(_read(name))
    return [
        (kind, key, text.rstrip().removesuffix(";"))
        for kind, key, text in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True)
    ]


def _read(name: str) -> str:
    assert __spec__ is not None
    loader = __spec__.loader
    folder = __spec__.submodule_search_locations
    assert loader is not None
    assert folder is not None
    data: bytes = loader.get_data(f"{folder[0]}/{name}")  # type: ignore[attr-defined]
    return data.decode()
