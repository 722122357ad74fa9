"""Definition of named statements: the function that writes the statement of each handle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import BigInteger, Text, bindparam, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Executable, Select
    from sqlalchemy.sql.compiler import SQLCompiler

    from cachedb.catalog.statement import Named

F = TypeVar("F", bound="Callable[[], Executable]")

DEFINITIONS: dict[str, tuple[Named, Callable[[], Executable]]] = {}
"""Every handle with the function that writes its statement, by name."""


def defines(handle: Named) -> Callable[[F], F]:
    """Register the function that writes the statement of `handle`; a second one is refused."""

    def register(function: F) -> F:
        if handle.name in DEFINITIONS:
            raise ValueError(f"the statement {handle.name!r} is defined twice")
        DEFINITIONS[handle.name] = (handle, function)
        return function

    return register


def each_id(name: str) -> Select[int]:
    """Select the integers of the list that is bound under `name` as `statement.many`."""
    return select(_Element(_values(name), BigInteger()).label("value"))


def each_text(name: str) -> Select[str]:
    """Select the texts of the list that is bound under `name` as `statement.many`."""
    return select(_Element(_values(name), Text()).label("value"))


def each_row(name: str, /, **columns: Any) -> Select[*tuple[Any, ...]]:
    """Select the columns of the list of lists that is bound under `name` as JSON.

    `columns` are the types of the elements of each inner list, in order.
    """
    rows = _json_rows(bindparam(name, None)).table_valued("value")
    return select(
        *(
            _Field(rows.c.value, place, kind).label(column)
            for place, (column, kind) in enumerate(columns.items())
        )
    )


class _json_rows(FunctionElement[Any]):  # noqa: N801  (functions of SQL are lower case)
    """The elements of a JSON array, which are arrays, as rows with the column `value`."""

    name = "json_rows"
    inherit_cache = True


class _Field(ColumnElement[Any]):
    """One element of a JSON array at a place, as a value of a type."""

    inherit_cache = True

    def __init__(self, value: ColumnElement[Any], place: int, kind: Any) -> None:
        self.value = value
        self.place = place
        self.type = kind

    @property
    def _from_objects(self) -> list[Any]:
        return list(self.value._from_objects)  # noqa: SLF001


class _json_values(FunctionElement[Any]):  # noqa: N801  (functions of SQL are lower case)
    """The elements of a JSON array as rows with the column `value`."""

    name = "json_values"
    inherit_cache = True


class _Element(ColumnElement[Any]):
    """One element of a JSON array; PostgreSQL has them as text."""

    inherit_cache = True

    def __init__(self, value: ColumnElement[Any], kind: Any) -> None:
        self.value = value
        self.type = kind

    @property
    def _from_objects(self) -> list[Any]:
        return list(self.value._from_objects)  # noqa: SLF001


def _values(name: str) -> ColumnElement[Any]:
    found: ColumnElement[Any] = _json_values(bindparam(name)).table_valued("value").c.value
    return found


@compiles(_json_rows, "sqlite")
@compiles(_json_values, "sqlite")
def _sqlite_values(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_json_values, "postgresql")
def _postgresql_values(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    bound = compiler.process(element.clauses, **options)
    return f"json_array_elements_text(CAST({bound} AS JSON))"


@compiles(_json_rows, "postgresql")
def _postgresql_rows(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_array_elements(CAST({compiler.process(element.clauses, **options)} AS JSON))"


@compiles(_Field, "sqlite")
def _sqlite_field(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_extract({compiler.process(element.value, **options)}, '$[{element.place}]')"


@compiles(_Field, "postgresql")
def _postgresql_field(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    value = f"{compiler.process(element.value, **options)} ->> {element.place}"
    return f"CAST({value} AS {compiler.dialect.type_compiler_instance.process(element.type)})"


@compiles(_Element, "sqlite")
def _sqlite_element(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    # Cast: SQLite makes no index for a column without a type, so a list that a subquery looks up
    # would be scanned for each row.
    value = compiler.process(element.value, **options)
    return f"CAST({value} AS {compiler.dialect.type_compiler_instance.process(element.type)})"


@compiles(_Element, "postgresql")
def _postgresql_element(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    value = compiler.process(element.value, **options)
    return f"CAST({value} AS {compiler.dialect.type_compiler_instance.process(element.type)})"


__all__ = ["DEFINITIONS", "defines", "each_id", "each_row", "each_text"]
