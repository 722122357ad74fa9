"""Statements of a fleet: what is written once for a cache, and repeated for every one of them.

The text of such a statement holds parts between `EACH` and `END`, in which every table is
`SCHEMA.table`, or `FILES.table` for one of the index of files. The statement to run has each part
once a cache, joined by UNION ALL. So one compiled statement answers the query for any number of
caches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cachedb.catalog.server.address import files_schema
from cachedb.patterns import lazy
from cachedb.query.statement import CompiledStatement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCHEMA: Final = '"$cache"'
"""The quoted name of the schema of a cache; no name of a cache has such a character."""
FILES: Final = '"$cache$files"'
"""The quoted name of the schema of its index of files."""
EACH: Final = "/*each*/"
END: Final = "/*end*/"
_PLACE: Final = lazy(r"%%|%s")


def spread(
    statement: CompiledStatement, values: Mapping[str, Sequence[Any]], last: Sequence[Any]
) -> tuple[str, tuple[Any, ...]]:
    """Return the SQL and the parameters of a statement of a fleet.

    `values` are those of the query in each cache, by the name of its schema, in the order of the
    caches; there is at least one. `last` are those of the parts that are about all caches.
    """
    texts: list[str] = []
    bound: list[Any] = []
    begin = 0
    for number, piece in enumerate(_pieces(statement.text)):
        end = begin + sum(each == "%s" for each in _PLACE.findall(piece))
        part = CompiledStatement(text=piece, parameters=statement.parameters[begin:end])
        begin = end
        if number % 2:
            texts.append(" UNION ALL ".join(_in(piece, name) for name in values))
            for own in values.values():
                bound += part.bind(own)
        else:
            texts.append(piece)
            bound += part.bind(last)
    return "".join(texts), tuple(bound)


def _pieces(text: str) -> list[str]:
    """Split a text: every second piece is repeated."""
    return [piece for both in text.split(EACH) for piece in both.split(END)]


def _in(text: str, name: str) -> str:
    own = text.replace(SCHEMA, _quoted(name)).replace(FILES, _quoted(files_schema(name)))
    return f"({own})"


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""').replace("%", "%%")
    return f'"{escaped}"'
