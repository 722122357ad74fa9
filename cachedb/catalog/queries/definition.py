"""Definition of named statements: the function that writes the statement of each handle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from sqlalchemy import BigInteger, Boolean, Text, bindparam, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Executable, Select
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.sql.operators import OperatorType

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
    """Select the integers of the list that is bound under `name` as `statement.many`.

    PostgreSQL plans for ten of them, however many there are: a walk from some hundred blobs looks
    up their edges then, and would read every edge if it were planned by the length of the list.
    """
    return _each(name, BigInteger())


def among_ids(column: ColumnElement[int], name: str) -> ColumnElement[bool]:
    """Return the condition that `column` is in the list of integers bound under `name`."""
    return _Listed(
        column.in_(_each(name, BigInteger())), column == _Array("ANY", name, BigInteger())
    )


def not_among_ids(column: ColumnElement[int], name: str) -> ColumnElement[bool]:
    """Return the condition that `column` is not in the list of integers bound under `name`."""
    each = column.not_in(_each(name, BigInteger()))
    return _Listed(each, column != _Array("ALL", name, BigInteger()))


def among_texts(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Return the condition that `column` is in the list of texts bound under `name`."""
    return _Listed(column.in_(_each(name, Text())), column == _Array("ANY", name, Text()))


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
    """The elements of a bound list as rows with the column `value`."""

    name = "json_values"
    inherit_cache = True

    def __init__(self, name: str, kind: Any) -> None:
        super().__init__(bindparam(name))
        self.kind = kind


class _Element(ColumnElement[Any]):
    """One element of a bound list."""

    inherit_cache = True

    def __init__(self, value: ColumnElement[Any], kind: Any) -> None:
        self.value = value
        self.type = kind

    @property
    def _from_objects(self) -> list[Any]:
        return list(self.value._from_objects)  # noqa: SLF001


class _Listed(FunctionElement[bool]):
    """A comparison with the elements of a list: that of SQLite, and that of PostgreSQL."""

    name = "listed"
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: OperatorType | None = None) -> Self:
        """Return the element itself: no `= 1` is rendered behind it."""
        del against
        return self


class _Array(FunctionElement[Any]):
    """A bound list as an array of PostgreSQL, behind ANY or ALL."""

    name = "array"
    inherit_cache = True

    def __init__(self, quantifier: str, name: str, kind: Any) -> None:
        super().__init__(bindparam(name))
        self.quantifier = quantifier
        self.kind = kind


def _each(name: str, kind: Any) -> Select[*tuple[Any, ...]]:
    value = _json_values(name, kind).table_valued("value").c.value
    return select(_Element(value, kind).label("value"))


@compiles(_json_rows, "sqlite")
@compiles(_json_values, "sqlite")
def _sqlite_values(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_json_values, "postgresql")
def _postgresql_values(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    # A subquery: its value is not known when the statement is planned.
    return f"(SELECT unnest((SELECT {_postgresql_array(element, compiler, **options)})) AS value)"


def _postgresql_array(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    bound = compiler.process(element.clauses, **options)
    kind = compiler.dialect.type_compiler_instance.process(element.kind)
    return f"CAST({bound} AS {kind}[])"


@compiles(_Array, "postgresql")
def _postgresql_quantified(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f"{element.quantifier} ({_postgresql_array(element, compiler, **options)})"


@compiles(_Listed, "sqlite")
def _sqlite_listed(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    on_sqlite, _ = element.clauses
    return compiler.process(on_sqlite, **options)


@compiles(_Listed, "postgresql")
def _postgresql_listed(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    _, on_postgresql = element.clauses
    return compiler.process(on_postgresql, **options)


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
    return compiler.process(element.value, **options)


__all__ = [
    "DEFINITIONS",
    "among_ids",
    "among_texts",
    "defines",
    "each_id",
    "each_row",
    "not_among_ids",
]
