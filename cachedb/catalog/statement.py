"""Handles of named statements: the name of a compiled text, and the type of its rows.

A handle is what callers pass to `executor.Connection`. The statement behind it is written once,
with SQLAlchemy, in `catalog.queries`; `catalog.compiled` holds the text of every dialect. A caller
thus needs neither SQL nor SQLAlchemy.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

R = TypeVar("R", bound="tuple[Any, ...]")
T = TypeVar("T")


class Named:
    """A statement by its name, which is unique among all statements."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name: str = name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class Rows(Named, Generic[R]):
    """A statement that selects rows of one NamedTuple, whose fields are its columns in order."""

    __slots__ = ("row",)

    def __init__(self, name: str, row: type[R]) -> None:
        super().__init__(name)
        self.row: type[R] = row


class Scalars(Named, Generic[T]):
    """A statement that selects one column; `kind` is the Python type of its values."""

    __slots__ = ("kind",)

    def __init__(self, name: str, kind: type[T]) -> None:
        super().__init__(name)
        self.kind: type[T] = kind


class Write(Named):
    """An UPDATE or DELETE, or an INSERT whose values are bound by name."""

    __slots__ = ()


class Insert(Named):
    """An INSERT of many rows: tuples of plain values in the order of `columns`."""

    __slots__ = ("columns",)

    def __init__(self, name: str, *columns: str) -> None:
        super().__init__(name)
        self.columns: tuple[str, ...] = columns


class BoundList:
    """A list as one bound value of any length: a JSON array in SQLite, an array in PostgreSQL.

    `sqlite3` adapts it by `__conform__`, psycopg by a dumper of `catalog.server.executor`.
    """

    def __init__(self, values: Iterable[str | float]) -> None:
        self._values = list(values)

    def __conform__(self, _protocol: object) -> str:
        """Return the list as `sqlite3` binds it."""
        return self.json

    @cached_property
    def json(self) -> str:
        """The list in JSON.

        Lists of ids and of plain names, as most commands bind, are JSON without an encoder, whose
        import takes 2 ms.
        """
        values = self._values
        if {type(value) for value in values} <= {int}:
            return str(values)
        if self._is_of_texts and _is_plain("".join(map(str, values))):
            return '["' + '","'.join(map(str, values)) + '"]'
        import json  # noqa: PLC0415

        return json.dumps(values, separators=(",", ":"))

    @cached_property
    def array(self) -> str:
        """The list as an array of PostgreSQL, without texts that no row there can hold."""
        values = self._values
        if not self._is_of_texts:
            return "{" + ",".join(map(str, values)) + "}"
        texts = list(map(str, values))
        joined = "".join(texts)
        if _is_plain(joined):
            return '{"' + '","'.join(texts) + '"}'
        escaped = (
            each.replace("\\", "\\\\").replace('"', '\\"') for each in filter(_is_held, texts)
        )
        return "{" + ",".join(f'"{each}"' for each in escaped) + "}"

    @property
    def _is_of_texts(self) -> bool:
        return bool(self._values) and all(isinstance(value, str) for value in self._values)


def many(values: Iterable[str | float]) -> BoundList:
    """Bind a list as one value."""
    return BoundList(values)


def _is_held(text: str) -> bool:
    """Return whether PostgreSQL can hold a text: UTF-8 without U+0000."""
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)


def _is_plain(text: str) -> bool:
    """Return whether a text needs no escape in JSON."""
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text
