"""Values that a word can be completed with, asked of SQLite itself.

Tab completion runs at every key press, and importing SQLAlchemy would take too long for that.
The texts are what SQLAlchemy compiles; a test compiles them and compares.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final, NamedTuple

from cachedb.catalog import compiled

if TYPE_CHECKING:
    from pathlib import Path


class Values(NamedTuple):
    """A column whose values can be completed; with `key`, those of one key in that column."""

    table: str
    column: str
    key: str | None = None


KNOWN: Final = (
    *(Values("ref", name) for name in ("name", "registry", "repo", "tag", "origin")),
    Values("ref", "repo", "registry"),
    *(Values("blob", name) for name in ("digest", "media_type", "artifact_type")),
    *(Values("link", name) for name in ("media_type", "artifact_type")),
    *(Values("platform", name) for name in ("os", "architecture", "variant")),
    Values("platform", "architecture", "os"),
    Values("config", "entrypoint"),
    *(Values("package", name) for name in ("name", "version", "purl", "license", "type")),
    Values("package", "version", "name"),
    *(
        values
        for table in ("label", "env", "annotation", "link_annotation", "ref_annotation")
        for values in (Values(table, "key"), Values(table, "value", "key"))
    ),
)

_MOST: Final = 100
_LAST: Final = "\U0010ffff"
_QUOTED: Final = {"key": '"key"'}


def text_for(values: Values) -> str:
    """Return the statement for the values of a column."""
    column = _name(values.table, values.column)
    of_key = "" if values.key is None else f" AND {_name(values.table, values.key)} = :key"
    # Every word of it is from the table above.
    return (
        f"SELECT DISTINCT {column} FROM {values.table} "  # noqa: S608
        f"WHERE {column} >= :low AND {column} < :high{of_key} "
        f"ORDER BY {column} LIMIT :most OFFSET :param_1"
    )


def values_of(catalog: Path, values: Values, prefix: str, key: str = "") -> list[str]:
    """Return values of a column that begin with `prefix`; none if there is no catalog to ask.

    The catalog is taken as it is: what was added since the last command is not seen.
    """
    bound = {"low": prefix, "high": f"{prefix}{_LAST}", "most": _MOST, "param_1": 0, "key": key}
    try:
        with closing(sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)) as connection:
            return [text for (text,) in connection.execute(text_for(values), bound) if text]
    except (sqlite3.Error, UnicodeError):
        return []


def recorded(catalog: Path, key: str) -> str | None:
    """Return what the catalog records of itself under a key; None if there is no catalog."""
    statement = compiled.statements("sqlite")["state.recorded"]
    try:
        with closing(sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)) as connection:
            row = connection.execute(statement, {"key": key}).fetchone()
    except (sqlite3.Error, UnicodeError):
        return None
    return None if row is None else str(row[0])


def _name(table: str, column: str) -> str:
    return f"{table}.{_QUOTED.get(column, column)}"
