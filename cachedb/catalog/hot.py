"""Statements compiled ahead, for answers that have to be there before SQLAlchemy is imported.

Tab completion asks at every key; importing SQLAlchemy takes longer than anybody waits for that.
The texts are what `statements.values_between` compiles to; a test compiles it again and compares.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = {
    "annotation": ("annotation", "key"),
    "arch": ("platform", "architecture"),
    "artifact": ("blob", "artifact_type"),
    "digest": ("blob", "digest"),
    "env": ("env", "key"),
    "label": ("label", "key"),
    "license": ("package", "license"),
    "name": ("ref", "name"),
    "os": ("platform", "os"),
    "pkg": ("package", "name"),
    "registry": ("ref", "registry"),
    "repo": ("ref", "repo"),
    "tag": ("ref", "tag"),
    "type": ("blob", "media_type"),
    "variant": ("platform", "variant"),
}
"""Fields of the query language whose values can be completed: their table and column."""

_MOST = 100
_LAST = "\U0010ffff"


def text_for(field: str) -> str:
    """Return the statement for the values of a field."""
    table, column = COLUMNS[field]
    name = f'{table}."{column}"' if column == "key" else f"{table}.{column}"
    # Every word of it is from the table above.
    return (
        f"SELECT DISTINCT {name} FROM {table} WHERE {name} >= :low AND {name} < :high "  # noqa: S608
        f"ORDER BY {name} LIMIT :most OFFSET :param_1"
    )


def values_of(catalog: Path, field: str, prefix: str) -> list[str]:
    """Return values of a field that begin with `prefix`; none if there is no catalog to ask.

    The catalog is taken as it is: what was added since the last command is not seen.
    """
    values = {"low": prefix, "high": f"{prefix}{_LAST}", "most": _MOST, "param_1": 0}
    try:
        with closing(sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)) as connection:
            return [text for (text,) in connection.execute(text_for(field), values) if text]
    except sqlite3.Error:
        return []
