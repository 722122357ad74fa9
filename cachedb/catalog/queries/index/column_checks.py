"""Statements that check the values of every column, made from the domains in the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, cast, func, literal, not_, select, union_all

from cachedb.catalog.domains import ANY, DOMAIN
from cachedb.catalog.queries.definition import defines
from cachedb.catalog.schema import metadata
from cachedb.catalog.statements.index import column_checks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, CompoundSelect, Select

    from cachedb.catalog.domains import Domain


@defines(column_checks.OUT_OF_RANGE)
def out_of_range() -> CompoundSelect[*tuple[Any, ...]]:
    """Select the columns with values outside of their domains, by their names."""
    checks = [
        _outside(column, f"{column.table.name}.{column.name}", domain)
        for column, domain in _columns()
        if not domain.is_digest and domain != ANY
    ]
    return union_all(*checks).order_by("place")


@defines(column_checks.DIGESTS)
def digests() -> CompoundSelect[*tuple[Any, ...]]:
    """Select every text in a column of digests."""
    return union_all(*(select(column) for column, domain in _columns() if domain.is_digest))


def _columns() -> Iterator[tuple[Any, Domain]]:
    for table in metadata.sorted_tables:
        for column in table.columns:
            if DOMAIN in column.info:
                yield column, column.info[DOMAIN]


def _outside(column: ColumnElement[Any], place: str, domain: Domain) -> Select[*tuple[Any, ...]]:
    is_inside = (
        column.in_([literal(word, literal_execute=True) for word in domain.words])
        if domain.words
        else column.between(literal(domain.low, BigInteger), literal(domain.high, BigInteger))
    )
    return (
        select(
            literal(place, literal_execute=True).label("place"),
            func.count().label("rows"),
            func.min(cast(column, Text)).label("example"),
        )
        .where(not_(is_inside))
        .having(func.count() > 0)
    )
