"""Statements that check the values of every column against its domain."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Rows, Scalars
from cachedb.records import NamedTuple


class OutOfRangeRow(NamedTuple):
    """A column with values outside of its domain: how many rows, and one of the values."""

    place: str
    """Column, as table.column."""
    rows: int
    """Number of rows with such a value."""
    example: str
    """Example of a value, as text."""


OUT_OF_RANGE: Final = Rows("column_checks.out_of_range", OutOfRangeRow)
"""The columns, as table.column, that hold values outside of their domains."""
DIGESTS: Final = Scalars("column_checks.digests", str)
"""Every text in a column of digests."""
