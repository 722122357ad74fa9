"""Questions, answered by SQLite itself: for what has to be there before SQLAlchemy is imported.

A listing takes a tenth of the time of that import. The texts are what the functions of
`statements` compile to; a test compiles them again and compares.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from cachedb.catalog import database_file
from cachedb.catalog.compiled import TEXTS
from cachedb.catalog.enums import APPLICATION_ID, SCHEMA_VERSION
from cachedb.errors import CatalogMismatch
from cachedb.limits import LOCK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from cachedb.catalog.named_queries import Asking, Question

# What the driver has to say may hold names of a damaged schema, which are no text.
_DAMAGED = (sqlite3.Error, UnicodeDecodeError)


@contextmanager
def reading(path: Path) -> Iterator[Asking]:
    """Open a catalog and answer questions about one state of it.

    Raises:
        CatalogMismatch: It is not there, not a catalog of this version, damaged or busy: whoever
            opens it as a whole is told more.
    """
    with closing(_connect(path)) as connection:

        def ask(question: Question, /, **values: str | int | None) -> Iterable[Any]:
            try:
                return connection.execute(TEXTS[question], values).fetchall()
            except _DAMAGED as error:
                raise CatalogMismatch(f"the catalog is damaged: {error}") from error

        yield ask


def _connect(path: Path) -> sqlite3.Connection:
    if not database_file.check(path):
        raise CatalogMismatch("there is no catalog")
    try:
        connection = sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, isolation_level=None, timeout=LOCK_SECONDS.value
        )
    except sqlite3.Error as error:
        raise CatalogMismatch(f"the catalog cannot be opened: {error}") from error
    try:
        for statement in (*database_file.PRAGMAS, "BEGIN"):
            connection.execute(statement)
        _check(connection)
    except _DAMAGED as error:
        connection.close()
        raise CatalogMismatch(f"the catalog cannot be read: {error}") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    """Refuse what is not, or not only, a catalog of this version."""
    ((marked,),) = connection.execute("PRAGMA application_id")
    ((version,),) = connection.execute("PRAGMA user_version")
    kinds = {kind for (kind,) in connection.execute("SELECT type FROM sqlite_master")}
    # A view in the place of a table could go on for ever.
    if (marked, version) != (APPLICATION_ID, SCHEMA_VERSION) or not kinds <= {"table", "index"}:
        raise CatalogMismatch("the catalog is not one of this version")
