"""Statements compiled ahead, for answers that have to be there before SQLAlchemy is imported.

Tab completion asks at every key, and a listing takes a tenth of the time of that import. The texts
are what the functions of `statements` compile to; a test compiles them again and compares.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cachedb.catalog import database_file
from cachedb.catalog.codes import APPLICATION_ID, SCHEMA_VERSION
from cachedb.catalog.compiled import TEXTS
from cachedb.errors import CatalogMismatch
from cachedb.limits import LOCK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from cachedb.catalog.questions import Asking, Question


@dataclass(frozen=True, slots=True)
class Values:
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
            except sqlite3.Error as error:
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
    # What the driver would say may hold names of a damaged schema, which are no text.
    except (sqlite3.Error, UnicodeDecodeError) as error:
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


def values_of(catalog: Path, values: Values, prefix: str, key: str = "") -> list[str]:
    """Return values of a column that begin with `prefix`; none if there is no catalog to ask.

    The catalog is taken as it is: what was added since the last command is not seen.
    """
    bound = {"low": prefix, "high": f"{prefix}{_LAST}", "most": _MOST, "param_1": 0, "key": key}
    try:
        with closing(sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)) as connection:
            return [text for (text,) in connection.execute(text_for(values), bound) if text]
    except (sqlite3.Error, UnicodeEncodeError):
        return []


def _name(table: str, column: str) -> str:
    return f"{table}.{_QUOTED.get(column, column)}"
