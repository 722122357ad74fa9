"""Parameters, and conditions that SQLite and PostgreSQL write differently.

A condition carries the arguments of both dialects and each renders its own: SQLite compares texts
by code point and has GLOB; PostgreSQL has regular expressions, and the collation of the database.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Self

from sqlalchemy import Boolean, Float, bindparam, or_, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from cachedb.patterns import lazy
from cachedb.query.semantics.slots import derive
from cachedb.query.statement import CompiledStatement, FixedParameter, SlotParameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import BindParameter, ColumnElement, Dialect, Select
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.sql.operators import OperatorType

    from cachedb.query.semantics.slots import GlobSlot, GlobSlots, Slot, TextSlot
    from cachedb.query.statement import Parameter

_SLOT: Final = "slot"
_FILES_SCHEMA: Final = lazy(r"(?<![\w.\"'])files\.(?=[a-z])")
_PARAMSTYLES: Final = {"sqlite": "qmark", "postgresql": "format"}
_OF_FLEET: Final = "fleet"


class _Condition(FunctionElement[bool]):
    """A boolean expression rendered without `= 1` behind it, which would rule out indexes."""

    type = Boolean()

    def self_group(self, against: OperatorType | None = None) -> Self:
        """Return the element itself: every rendering has parentheses of its own."""
        del against
        return self


class _Begins(_Condition):
    """Arguments: a text, a prefix, the first text after all that begin with the prefix."""

    name = "begins"
    inherit_cache = True


class _Globbed(_Condition):
    """Arguments: a text, a pattern of GLOB, a regular expression."""

    name = "globbed"
    inherit_cache = True


class _Among(_Condition):
    """Arguments: a column, a bound list of values."""

    name = "among"
    inherit_cache = True


class _InCodePoints(FunctionElement[Any]):
    """Argument: a text to compare by code points."""

    name = "in_code_points"
    inherit_cache = True


class _ExactSum(FunctionElement[Any]):
    """Argument: an integer of at least 0. The sum of any number of them, or NULL of none."""

    name = "exact_sum"
    inherit_cache = True


class _Average(FunctionElement[float]):
    """Argument: a number. The mean of any number of them, or NULL of none."""

    name = "average"
    inherit_cache = True
    type = Float()


@compiles(_Begins)
def _begins(element: _Begins, compiler: SQLCompiler, **options: Any) -> str:
    text, first, behind = (compiler.process(part, **options) for part in element.clauses)
    return f"({text} >= {first} AND {text} < {behind})"


@compiles(_Begins, "postgresql")
def _begins_in_postgresql(element: _Begins, compiler: SQLCompiler, **options: Any) -> str:
    text, first, _ = element.clauses
    return (
        f"starts_with({compiler.process(text, **options)}, {compiler.process(first, **options)})"
    )


@compiles(_Globbed)
def _globbed(element: _Globbed, compiler: SQLCompiler, **options: Any) -> str:
    text, pattern, _ = element.clauses
    return f"({compiler.process(text, **options)} GLOB {compiler.process(pattern, **options)})"


@compiles(_Globbed, "postgresql")
def _globbed_in_postgresql(element: _Globbed, compiler: SQLCompiler, **options: Any) -> str:
    text, _, pattern = element.clauses
    return f"({compiler.process(text, **options)} ~ {compiler.process(pattern, **options)})"


@compiles(_Among)
def _among(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"({column} IN (SELECT value FROM json_each({values})))"  # noqa: S608  (a parameter)


@compiles(_Among, "postgresql")
def _among_in_postgresql(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = element.clauses
    kind = compiler.dialect.type_compiler_instance.process(column.type)
    listed = f"CAST({compiler.process(values, **options)} AS {kind}[])"
    return f"({compiler.process(column, **options)} = ANY ({listed}))"


@compiles(_InCodePoints)
def _in_code_points(element: _InCodePoints, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(next(iter(element.clauses)), **options)


@compiles(_InCodePoints, "postgresql")
def _in_collation_c(element: _InCodePoints, compiler: SQLCompiler, **options: Any) -> str:
    return f'({compiler.process(next(iter(element.clauses)), **options)} COLLATE "C")'


@compiles(_ExactSum)
def _exact_sum(element: _ExactSum, compiler: SQLCompiler, **options: Any) -> str:
    # sum() of SQLite fails beyond 64 bits, which declared sizes reach. Then the sum is a text of
    # digits: it sorts behind every integer, and among its like by value.
    term = compiler.process(next(iter(element.clauses)), **options)
    low = f"sum({term} % 1000000000)"
    high = f"(sum({term} / 1000000000) + {low} / 1000000000)"
    return (
        f"CASE WHEN {high} < 9223372036 THEN {high} * 1000000000 + {low} % 1000000000 "
        f"ELSE printf('%021d%09d', {high}, {low} % 1000000000) END"
    )


@compiles(_ExactSum, "postgresql")
def _exact_sum_in_postgresql(element: _ExactSum, compiler: SQLCompiler, **options: Any) -> str:
    return f"sum({compiler.process(next(iter(element.clauses)), **options)})"


@compiles(_Average)
def _average(element: _Average, compiler: SQLCompiler, **options: Any) -> str:
    return f"avg({compiler.process(next(iter(element.clauses)), **options)})"


@compiles(_Average, "postgresql")
def _average_in_postgresql(element: _Average, compiler: SQLCompiler, **options: Any) -> str:
    # avg() of integers is a decimal number of 16 digits there, which rounds another way.
    term = compiler.process(next(iter(element.clauses)), **options)
    return f"(CAST(sum({term}) AS DOUBLE PRECISION) / count({term}))"


def render(statement: Select[*tuple[Any, ...]], name: str) -> CompiledStatement:
    """Render a SELECT in the dialect `name`: `sqlite`, `postgresql`, or `fleet`.

    That of a fleet is the SQL of PostgreSQL, in which tables have `SCHEMA` before their names.
    """
    compiled = statement.compile(
        dialect=_dialect(name), compile_kwargs={"render_postcompile": True}
    )
    values = compiled.params
    assert compiled.positiontup is not None
    found = (_parameter_of(key, values[key]) for key in compiled.positiontup)
    return CompiledStatement(text=in_one_schema(str(compiled), name), parameters=tuple(found))


@cache
def _dialect(name: str) -> Dialect:
    # The other dialect is not imported.
    if name == _OF_FLEET:
        from cachedb.query.sql import fleet_dialect  # noqa: PLC0415

        return fleet_dialect.make(paramstyle=_PARAMSTYLES["postgresql"])
    module = import_module(f"sqlalchemy.dialects.{name}")
    found: Dialect = module.dialect(paramstyle=_PARAMSTYLES[name])
    return found


def in_one_schema(text: str, name: str) -> str:
    """Remove the schema of the index of files: in a server its tables are beside the others.

    SQLAlchemy's translation of schemas renames the table of a correlated subquery.
    """
    return text if name == "sqlite" else _FILES_SCHEMA.sub("", text)


def _parameter_of(key: str, value: Any) -> Parameter:
    if not key.startswith(_SLOT):
        return FixedParameter(value=value)
    number, _, part = key.removeprefix(_SLOT).partition("_")
    return SlotParameter(slot=int(number), part=part)


def parameter(slot: Slot, part: str = "value") -> BindParameter[Any]:
    """Bind the value that `part` derives from a slot, at every run of the statement."""
    return bindparam(parameter_name(slot, part), None)


def parameter_name(slot: Slot, part: str = "value") -> str:
    """Return the name under which what `part` derives from the value of a slot is bound."""
    return f"{_SLOT}{slot.number}_{part}"


def begins(text: ColumnElement[Any], prefix: TextSlot) -> ColumnElement[bool]:
    """Compare the beginning of a text; an index on the text serves."""
    if prefix.is_empty:
        return text.is_not(None)
    first = parameter(prefix, "beginning")
    if not prefix.has_successor:
        return text >= first
    return _Begins(text, first, parameter(prefix, "successor"))


def begins_with(text: ColumnElement[Any], prefix: str) -> ColumnElement[bool]:
    """Compare the beginning of a text with a constant; an index on the text serves."""
    successor = derive("successor", prefix)
    return _Begins(text, bindparam(None, prefix), bindparam(None, successor))


def ends_with(text: ColumnElement[Any], suffix: str) -> ColumnElement[bool]:
    """Compare the end of a text with a constant."""
    parts = (derive("glob_at_end", suffix), derive("regex_at_end", suffix))
    return _Globbed(text, *(bindparam(None, part) for part in parts))


def globbed(text: ColumnElement[Any], glob: GlobSlot) -> ColumnElement[bool]:
    """Match a whole text; `/` is a character like any other."""
    if glob.is_literal:
        return text == parameter(glob)
    if glob.is_prefix:
        return begins(text, glob)
    return matches(text, glob, "glob", "regex")


def matches(text: ColumnElement[Any], slot: Slot, glob: str, regex: str) -> ColumnElement[bool]:
    """Match the pattern that `glob` (SQLite) and `regex` (PostgreSQL) derive from a slot."""
    return _Globbed(text, parameter(slot, glob), parameter(slot, regex))


def globbed_any(text: ColumnElement[Any], globs: GlobSlots) -> ColumnElement[bool]:
    """Match a whole text with any of several globs."""
    parts = [globbed(text, glob) for glob in globs.patterns]
    return any_of([*among(text, globs.plain), *parts])


def among(
    column: ColumnElement[Any], slot: Slot | None, part: str = "value"
) -> list[ColumnElement[bool]]:
    """Compare a column with the value of a slot, or with any value of its list.

    A list is one parameter, so its length is not a part of the statement. Without a slot there is
    no condition.
    """
    if slot is None:
        return []
    if slot.is_list:
        return [_Among(column, parameter(slot, part))]
    return [column == parameter(slot, part)]


def one_of(column: ColumnElement[Any], numbers: Sequence[int]) -> ColumnElement[bool]:
    """Compare a column with constants."""
    return column == numbers[0] if len(numbers) == 1 else column.in_(numbers)


def any_of(parts: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Join conditions with OR."""
    found = list(parts)
    return found[0] if len(found) == 1 else or_(*found)


def not_true(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Negate a condition; unknown counts as false."""
    return condition.self_group().is_not(true())


def exact_sum(number: ColumnElement[int]) -> ColumnElement[Any]:
    """Sum integers that are not negative, however large; SQLite returns a large sum as a text."""
    return _ExactSum(number)


def average(number: ColumnElement[Any]) -> ColumnElement[float]:
    """Return the mean of numbers, with the digits that SQLite gives it."""
    return _Average(number)


def in_code_points(text: ColumnElement[Any]) -> ColumnElement[Any]:
    """Order a text by code points, as SQLite does."""
    return _InCodePoints(text)
