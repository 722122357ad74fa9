"""Result columns: their names, their kinds, and how values of the catalog are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cachedb.catalog import codecs
from cachedb.query.words import Type
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachedb.query.semantics.typed import QueryColumn

_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "digest": codecs.digest,
    "time": codecs.time,
    # A sum beyond 64 bits is a text of digits.
    "size": lambda size: int(size) if isinstance(size, str) else size,
    "kind": lambda number: codecs.kind(number).name.lower(),
    "state": lambda number: codecs.state(number).name.lower(),
    "role": lambda number: codecs.role(number).name.lower(),
}


class OutputColumn(Record):
    """A column of a result.

    `kind` is `text`, `number`, `size` (in bytes), `time`, `digest`, or an enumeration of the
    catalog: `kind`, `state`, `role`.
    """

    name: str
    """Name in headers and in JSON."""
    kind: str

    @classmethod
    def of(cls, column: QueryColumn) -> OutputColumn:
        """Return the output column of a column of a checked query."""
        return cls(name=column.name, kind=_kind(column))

    @property
    def field(self) -> str:
        """The name as an attribute of a row: dots are underscores."""
        return self.name.replace(".", "_")

    def read(self, value: Any) -> Any:
        """Convert a value of the database: times to datetimes, enumerations to words."""
        reader = _READERS.get(self.kind)
        return value if reader is None or value is None else reader(value)


def _kind(column: QueryColumn) -> str:
    match column.type:
        case Type.SIZE | Type.NUMBER | Type.TIME | Type.DIGEST:
            return column.type.name.lower()
        case Type.ENUM if column.field is not None and column.field.name in _READERS:
            return column.field.name
        case _:
            return "text"
