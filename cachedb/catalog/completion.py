"""Completion values of a word, from the catalog as it is.

Tab completion runs at every key press: the catalog is neither reconciled nor upgraded first.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Final

from cachedb.catalog import compiled
from cachedb.catalog.statements import state
from cachedb.catalog.statements.completion import VALUES
from cachedb.errors import CacheError

if TYPE_CHECKING:
    from pathlib import Path

    from cachedb.catalog.place import CatalogPlace
    from cachedb.catalog.statements.completion import Values


_MOST: Final = 100
_LAST: Final = "\U0010ffff"


def _connect(catalog: Path) -> sqlite3.Connection:
    """Open a catalog, whose statements fail at once while another process commits."""
    return sqlite3.connect(f"file:{catalog}?mode=ro", uri=True, timeout=0)


def values_of(catalog: Path, values: Values, prefix: str, key: str = "") -> list[str]:
    """Return values of a column that begin with `prefix`; none without a catalog.

    The catalog is read as it is: files added since the last command are not seen.
    """
    bound = {"low": prefix, "high": f"{prefix}{_LAST}", "most": _MOST, "key": key}
    statement = compiled.statements("sqlite")[VALUES[values].name]
    try:
        with closing(_connect(catalog)) as connection:
            return [text for (text,) in connection.execute(statement, bound) if text]
    except (sqlite3.Error, UnicodeError):
        return []


def values_at(place: CatalogPlace, values: Values, prefix: str, key: str = "") -> list[str]:
    """Return values as `values_of`, from a catalog in a server; none if it cannot be read."""
    bound: dict[str, Any] = {"low": prefix, "high": f"{prefix}{_LAST}", "most": _MOST, "key": key}
    with suppress(CacheError):
        catalog = place.open_read_only()
        try:
            with catalog.reading() as connection:
                return [text for text in connection.values(VALUES[values], **bound) if text]
        finally:
            catalog.close()
    return []


def recorded_at(place: CatalogPlace, key: str) -> str | None:
    """Return what a catalog in a server records of itself; None if it cannot be read."""
    with suppress(CacheError):
        catalog = place.open_read_only()
        try:
            with catalog.reading() as connection:
                return connection.value(state.RECORDED, key=key)
        finally:
            catalog.close()
    return None


def recorded(catalog: Path, key: str) -> str | None:
    """Return what the catalog records of itself under a key; None if there is no catalog."""
    statement = compiled.statements("sqlite")["state.recorded"]
    try:
        with closing(_connect(catalog)) as connection:
            row = connection.execute(statement, {"key": key}).fetchone()
    except (sqlite3.Error, UnicodeError):
        return None
    return None if row is None else str(row[0])
