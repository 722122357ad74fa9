"""Ranks of rows and of images, for `top N by KEYS per FIELDS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from cachedb.records import Record

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause, Subquery
    from sqlalchemy.sql.elements import UnaryExpression


class RankKey(Record):
    """A key to rank by; rows without a value come last in either direction."""

    value: ColumnElement[Any]
    descending: bool
    """Whether the largest value has rank 1."""

    def order(self, value: ColumnElement[Any]) -> UnaryExpression[Any]:
        """Return the order of a column that holds the key."""
        return (value.desc() if self.descending else value.asc()).nulls_last()


class Ranking(Record):
    """Rows to rank by keys within groups; of images, `image` is a number of the image of a row."""

    row_id: ColumnElement[int]
    """Id of a row, which breaks ties of `keys`."""
    image: ColumnElement[int] | None
    keys: tuple[RankKey, ...]
    per: tuple[ColumnElement[Any], ...]
    """Values that are a group; empty for one group of all."""
    source: FromClause
    """Tables of the rows."""
    condition: ColumnElement[bool]
    """Condition on the rows."""


def of_rows(rows: Ranking) -> Subquery:
    """Rank rows within groups: columns `id` and `place`, from 1; equal rows share a place."""
    order = [key.order(key.value) for key in rows.keys]
    place = func.rank().over(partition_by=[*rows.per] or None, order_by=order)
    found = select(rows.row_id.label("id"), place.label("place"))
    return found.select_from(rows.source).where(rows.condition).subquery()


def of_images(ranking: Ranking, image: ColumnElement[int]) -> Subquery:
    """Rank images within groups of their rows, and give every row the place of its image.

    An image stands where its first row in the group stands, and counts once.
    """
    keys, per, row_id = ranking.keys, ranking.per, ranking.row_id
    first = func.row_number().over(
        partition_by=[*per, image], order_by=[*(key.order(key.value) for key in keys), row_id]
    )
    named = [
        *(value.label(f"per_{place}") for place, value in enumerate(per)),
        *(key.value.label(f"key_{place}") for place, key in enumerate(keys)),
    ]
    rows = (
        select(row_id.label("id"), image.label("image"), first.label("number"), *named)
        .select_from(ranking.source)
        .where(ranking.condition)
        .subquery()
    )
    groups = [rows.c[f"per_{place}"] for place in range(len(per))]
    # Other rows of an image are ranked behind all first ones, which they so do not displace.
    order = [key.order(rows.c[f"key_{place}"]) for place, key in enumerate(keys)]
    place = func.rank().over(partition_by=groups or None, order_by=[rows.c.number > 1, *order])
    placed = select(rows.c.id, rows.c.image, place.label("place"), *groups).subquery()
    kept = [placed.c[f"per_{place}"] for place in range(len(per))]
    best = func.min(placed.c.place).over(partition_by=[*kept, placed.c.image])
    return select(placed.c.id, best.label("place")).subquery()
