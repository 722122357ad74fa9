"""Compiled statements: SQL text, and how its parameters derive from the values of a query.

Plain data that can be written as JSON. Neither the text nor the parameters hold a value of the
query, so that one statement answers every query of the same shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from cachedb.query.semantics.slots import derive
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence


class SlotParameter(Record):
    """A parameter that derives from the value of a slot."""

    slot: int
    part: str
    """Name of the value that is derived."""


class FixedParameter(Record):
    """A parameter of the statement itself, such as the number of a kind."""

    value: int | str | None


Parameter: TypeAlias = SlotParameter | FixedParameter


class CompiledStatement(Record):
    """One SELECT in the SQL of a dialect, with positional parameters."""

    text: str
    """SQL with one place for each parameter."""
    parameters: tuple[Parameter, ...]

    def bind(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Return the parameters for the values of a query, in the order of the text."""
        return tuple(
            derive(each.part, values[each.slot]) if isinstance(each, SlotParameter) else each.value
            for each in self.parameters
        )


class CompiledQuery(Record):
    """The statement of a query, and one for each of its bare words.

    The statement of a bare word counts its matches; the order is that of
    `CheckedQuery.selectors()`.
    """

    statement: CompiledStatement
    selectors: tuple[CompiledStatement, ...]
