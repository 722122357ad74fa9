"""Handles of named statements: the name of a compiled text, and the type of its rows.

A handle is what callers pass to `executor.Connection`. The statement behind it is written once,
with SQLAlchemy, in `catalog.queries`; `catalog.compiled` holds the text of every dialect. A caller
thus needs neither SQL nor SQLAlchemy.
"""

from __future__ import annotations

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


def many(values: Iterable[str | int]) -> str:
    """Encode a list as one bound value, a JSON array of any length.

    Lists of ids and of plain names, as most commands bind, are JSON without an encoder, whose
    import takes 2 ms.
    """
    listed = list(values)
    if {type(value) for value in listed} <= {int}:
        return str(listed)
    if all(isinstance(value, str) for value in listed) and _is_plain("".join(map(str, listed))):
        return '["' + '","'.join(map(str, listed)) + '"]'
    import json  # noqa: PLC0415

    return json.dumps(listed, separators=(",", ":"))


def _is_plain(text: str) -> bool:
    """Return whether a text needs no escape in JSON."""
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text
