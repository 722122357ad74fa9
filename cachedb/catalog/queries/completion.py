"""Statements that select values for shell completion, one for each column."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from cachedb.catalog.queries.definition import defines
from cachedb.catalog.schema import metadata
from cachedb.catalog.statements import completion

if TYPE_CHECKING:
    from sqlalchemy import Select


def _values_between(values: completion.Values) -> Select[str]:
    """Select the values of a column from `low` up to `high`, of one key where there is one."""
    columns = metadata.tables[values.table].c
    column = columns[values.column]
    found = (
        select(column)
        .distinct()
        .where(column >= bindparam("low"), column < bindparam("high"))
        .order_by(column)
        .limit(bindparam("most"))
    )
    return found if values.key is None else found.where(columns[values.key] == bindparam("key"))


for _values, _handle in completion.VALUES.items():
    defines(_handle)(partial(_values_between, _values))
