"""The conditions that SQLite and PostgreSQL write differently.

Each carries what both need, and each dialect takes its part: SQLite compares texts by code point
and has GLOB, PostgreSQL has regular expressions of its own and a collation of somebody's choice.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, Self

from sqlalchemy import Boolean, ClauseElement, Executable, bindparam, or_, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.sql.operators import OperatorType

    from cachedb.query.semantics.globs import Glob

_FIRST_SURROGATE: Final = 0xD800
_BEHIND_SURROGATES: Final = 0xE000


class _Condition(FunctionElement[bool]):
    """A condition as it stands: `= 1` behind it would keep indexes from serving."""

    type = Boolean()

    def self_group(self, against: OperatorType | None = None) -> Self:
        """Stay as it is: every form that it is written in has parentheses of its own."""
        del against
        return self


class _Begins(_Condition):
    """Arguments: the text, the prefix, the first text behind all that begin with it."""

    name = "begins"
    inherit_cache = True


class _Globbed(_Condition):
    """Arguments: the text, SQLite's pattern, a regular expression."""

    name = "globbed"
    inherit_cache = True


class _InCodePoints(FunctionElement[Any]):
    """Argument: a text to be compared by code points."""

    name = "in_code_points"
    inherit_cache = True


class Plan(Executable, ClauseElement):
    """How the database would go about a statement; nothing is executed."""

    inherit_cache = False

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        self.statement = statement


@compiles(Plan)
def _plan(element: Plan, compiler: SQLCompiler, **options: Any) -> str:
    return f"EXPLAIN QUERY PLAN {compiler.process(element.statement, **options)}"


@compiles(Plan, "postgresql")
def _plan_in_postgresql(element: Plan, compiler: SQLCompiler, **options: Any) -> str:
    return f"EXPLAIN {compiler.process(element.statement, **options)}"


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


@compiles(_InCodePoints)
def _in_code_points(element: _InCodePoints, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(next(iter(element.clauses)), **options)


@compiles(_InCodePoints, "postgresql")
def _in_collation_c(element: _InCodePoints, compiler: SQLCompiler, **options: Any) -> str:
    return f'({compiler.process(next(iter(element.clauses)), **options)} COLLATE "C")'


def begins(text: ColumnElement[Any], prefix: str) -> ColumnElement[bool]:
    """Say that a text begins with `prefix`; an index on the text serves."""
    if not prefix:
        return text.is_not(None)
    behind = _behind(prefix)
    if behind is None:
        return text >= prefix
    return _Begins(text, bindparam(None, prefix), bindparam(None, behind))


def globbed(text: ColumnElement[Any], pattern: Glob) -> ColumnElement[bool]:
    """Say that a text matches a pattern, whatever its wildcards stand for."""
    if pattern.literal is not None:
        return text == pattern.literal
    if pattern.prefix is not None:
        return begins(text, pattern.prefix)
    return _matching(text, pattern.glob, f"^{pattern.regex()}$")


def ends(text: ColumnElement[Any], suffix: Glob, *, before: str = "*") -> ColumnElement[bool]:
    """Say that a text ends with what matches `suffix`, behind what `before` does."""
    regex = "".join(".*" if char == "*" else char for char in before)
    return _matching(text, f"{before}{suffix.glob}", f"^{regex}{suffix.regex()}$")


def has(text: ColumnElement[Any], inner: Glob) -> ColumnElement[bool]:
    """Say that something in a text matches `inner`."""
    return _matching(text, f"*{inner.glob}*", inner.regex())


def globbed_any(text: ColumnElement[Any], patterns: Sequence[Glob]) -> ColumnElement[bool]:
    """Say that a text matches one of the patterns."""
    plain = [pattern.literal for pattern in patterns if pattern.literal is not None]
    parts = [globbed(text, pattern) for pattern in patterns if pattern.literal is None]
    return any_of([*one_of(text, plain), *parts])


def one_of(column: ColumnElement[Any], values: Sequence[Any]) -> list[ColumnElement[bool]]:
    """Say that a column has one of the values; nothing if there are none."""
    if not values:
        return []
    return [column == values[0] if len(values) == 1 else column.in_(values)]


def any_of(parts: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Say that one of the parts holds."""
    found = list(parts)
    return found[0] if len(found) == 1 else or_(*found)


def not_true(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Say that a condition does not hold, be it false or unknown."""
    return condition.self_group().is_not(true())


def in_code_points(text: ColumnElement[Any]) -> ColumnElement[Any]:
    """Compare a text by its code points, as SQLite does."""
    return _InCodePoints(text)


def _matching(text: ColumnElement[Any], pattern: str, regex: str) -> ColumnElement[bool]:
    return _Globbed(text, bindparam(None, pattern), bindparam(None, regex))


def _behind(prefix: str) -> str | None:
    """Return the first text, by code points, that sorts after all that begin with `prefix`."""
    prefix = prefix.rstrip(chr(sys.maxunicode))
    if not prefix:
        return None
    following = ord(prefix[-1]) + 1
    if following == _FIRST_SURROGATE:
        following = _BEHIND_SURROGATES
    return prefix[:-1] + chr(following)
