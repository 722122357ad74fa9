"""Images without an index, as common table expressions of one statement.

Some tools write the manifests of an image under one name, one a platform, and no index. Each entry
is a row of the refs, and what it contains is what the image contains. Which entries are one image
is known before the statement runs, and bound as one value; in a cache without such an image the
statement has none of these tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, cast, func, select, union_all

from cachedb.catalog.queries.definition import each_row
from cachedb.catalog.schema import ref
from cachedb.query.semantics.slots import ROWS
from cachedb.query.sql.dialect import parameter_name

if TYPE_CHECKING:
    from sqlalchemy import CTE, ColumnElement, FromClause, ScalarSelect

    from cachedb.query.semantics.slots import Slot


class SplitImages:
    """Tables of the entries of images without an index; their names in the statement are fixed."""

    def __init__(self, slot: Slot) -> None:
        columns = {"ref_id": BigInteger(), "image_id": BigInteger(), "entry_id": BigInteger()}
        bound = each_row(parameter_name(slot, ROWS), **columns).subquery("bound")
        # Cast: SQLite makes no index for a column without a type.
        typed = [cast(bound.c[name], kind).label(name) for name, kind in columns.items()]
        self.entries: CTE = select(*typed).cte("split")
        """Each entry of such an image, with the image and with every entry of it."""
        other = ref.alias("split_ref")
        of_others = select(self.entries.c.ref_id, other.c.target_id).join_from(
            self.entries, other, other.c.id == self.entries.c.entry_id
        )
        own = select(ref.c.id.label("ref_id"), ref.c.target_id.label("blob_id"))
        self.targets: CTE = union_all(own, of_others).cte("image_targets")
        """Every ref with what the entries of its image point at, some of it twice."""

    def image_of(self, row: FromClause) -> ColumnElement[int]:
        """Return a number of the content of a ref: equal for refs of the same content."""
        image = self._of(row, func.min(self.entries.c.image_id))
        return func.coalesce(image, row.c.target_id)

    def first_entry(self, row: FromClause) -> ColumnElement[int]:
        """Return the id of the first entry of the image of a ref."""
        return func.coalesce(self._of(row, func.min(self.entries.c.entry_id)), row.c.id)

    def latest(self, row: FromClause, name: str) -> ColumnElement[int]:
        """Return the latest of the times of the entries of the image of a ref."""
        other = ref.alias(f"latest_{name}")
        found = (
            select(func.max(other.c[name]))
            .join_from(self.entries, other, other.c.id == self.entries.c.entry_id)
            .where(self.entries.c.ref_id == row.c.id)
        )
        return func.coalesce(found.correlate(row).scalar_subquery(), row.c[name])

    def _of(self, row: FromClause, what: ColumnElement[Any]) -> ScalarSelect[Any]:
        found = select(what).where(self.entries.c.ref_id == row.c.id)
        return found.correlate(row).scalar_subquery()
