"""Statements compiled ahead, for answers that have to be there before SQLAlchemy is imported.

Tab completion asks at every key; importing SQLAlchemy takes longer than anybody waits for that.
The texts are those of `statements`, compiled; a test compiles them again and compares.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAMES = (
    "SELECT ref.name FROM ref WHERE ref.name >= :low AND ref.name < :high "
    "ORDER BY ref.name LIMIT :most OFFSET :param_1"
)
DIGESTS = (
    "SELECT blob.digest FROM blob WHERE blob.digest >= :low AND blob.digest < :high "
    "ORDER BY blob.digest LIMIT :most OFFSET :param_1"
)
_LAST = "\U0010ffff"


def starting_with(catalog: Path, statement: str, prefix: str, most: int = 100) -> list[str]:
    """Return names or digests that begin with `prefix`; none if there is no catalog to ask.

    The catalog is taken as it is: what was added since the last command is not seen.
    """
    values = {"low": prefix, "high": f"{prefix}{_LAST}", "most": most, "param_1": 0}
    try:
        with closing(sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)) as connection:
            return [text for (text,) in connection.execute(statement, values) if text]
    except sqlite3.Error:
        return []
