"""Fields as SQL expressions: to show, to sort by and to test.

A row is an alias of the table of its sort. Fields that are computed walk the graph once for every
row for which they are asked, so they are last in a condition and are computed after the page has
been selected.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Select, Text, and_, case, cast, func, literal, select

from cachedb.catalog.enums import Kind
from cachedb.catalog.queries import graph
from cachedb.catalog.schema import (
    annotation,
    blob,
    blob_package,
    config,
    edge,
    env,
    label,
    link,
    link_annotation,
    package,
    platform,
    ref,
    ref_annotation,
)
from cachedb.catalog.schema.file_tables import entry
from cachedb.query.sql import dialect, files
from cachedb.query.vocabulary import CACHE
from cachedb.query.words import Field, Sort, Type
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import CTE, ColumnElement, FromClause, ScalarSelect, Table
    from sqlalchemy.sql.selectable import NamedFromClause

    from cachedb.query.semantics.slots import Slot
    from cachedb.query.sql.images import SplitImages

_TABLES: Final[dict[Sort, Table[Any]]] = {
    Sort.REF: ref,
    Sort.BLOB: blob,
    Sort.LINK: link,
    Sort.PACKAGE: package,
    Sort.FILE: entry,
}
_COLUMNS: Final = {"type": "media_type", "artifact": "artifact_type"}
_PLATFORM_PARTS: Final = {"os": "os", "arch": "architecture", "variant": "variant"}
_TIMES: Final = frozenset({"added", "pulled", "used"})
_CONFIG_FIELDS: Final = frozenset({"created", "entrypoint"})
_TARGET_FIELDS: Final = frozenset({"digest", "kind", "type", "artifact"})
MAPS: Final[dict[tuple[Sort, str], tuple[tuple[Table[Any], str, str], ...]]] = {
    (Sort.BLOB, "label"): ((label, "blob_id", "id"),),
    (Sort.BLOB, "env"): ((env, "blob_id", "id"),),
    (Sort.BLOB, "annotation"): ((annotation, "blob_id", "id"),),
    (Sort.LINK, "annotation"): ((link_annotation, "link_id", "id"),),
    (Sort.REF, "annotation"): (
        (ref_annotation, "ref_id", "id"),
        (annotation, "blob_id", "target_id"),
    ),
}
"""Tables of keys and values, with their column for the owner and that of the row."""


@lru_cache(maxsize=512)
def aliased(table: Table[Any], name: str) -> NamedFromClause[Any]:
    """Return a table under another name; cached, because every statement uses the same names."""
    return table.alias(name)


class Row(Record):
    """One member of a set, under a name of its own in the statement."""

    sort: Sort
    table: NamedFromClause[Any]
    """Table, or alias of one, that has the columns of the sort."""

    @property
    def id(self) -> ColumnElement[int]:
        """The primary key."""
        column: ColumnElement[int] = self.table.c.id
        return column

    @property
    def content(self) -> ColumnElement[int]:
        """The blob at which walks of the graph begin; of a ref its target."""
        column: ColumnElement[int] = (
            self.table.c.target_id if self.sort is Sort.REF else self.table.c.id
        )
        return column

    @classmethod
    def named(cls, sort: Sort, name: str) -> Row:
        """Return a row under a name that the statement does not have yet."""
        return cls(sort=sort, table=aliased(_TABLES[sort], name))


def is_on_target(field: Field) -> bool:
    """Return whether a field of a reference is that of its target."""
    return field.sort is Sort.REF and field.name in _TARGET_FIELDS


def is_of_platform(field: Field) -> bool:
    """Return whether a field is the platform or a part of it."""
    return field.name == "platform" or field.name in _PLATFORM_PARTS


def is_of_config(field: Field) -> bool:
    """Return whether a field of a blob stands in the table of image configurations."""
    return field.sort is Sort.BLOB and field.name in _CONFIG_FIELDS


def platform_part(name: str) -> ColumnElement[str]:
    """Return the column of a part of a platform."""
    column: ColumnElement[str] = platform.c[_PLATFORM_PARTS[name]]
    return column


class FieldExpressions:
    """Builder of the values of fields; walks of the graph get names from `names`."""

    def __init__(
        self, names: NameGenerator, split: SplitImages | None, cache: Slot | None = None
    ) -> None:
        self._names = names
        self._split = split
        self._cache = cache
        self._owned: CTE | None = None

    def value(self, row: Row, field: Field) -> ColumnElement[Any]:
        """Return the expression of a field with one value per row."""
        if field.name == CACHE:
            return self.cache()
        if field.sort is Sort.FILE:
            own = files.own_value(row.table, field.name)
            return _single(row, own) if isinstance(own, Select) else own
        if field.is_walked:
            return self._walked_value(row, field)
        if is_on_target(field):
            target = aliased(blob, self._names.next("b"))
            column = target.c[_COLUMNS.get(field.name, field.name)]
            return _single(row, select(column).where(target.c.id == row.table.c.target_id))
        if is_of_platform(field):
            part = select(_platform_text(field.name))
            return _single(row, part.where(platform.c.id == row.table.c.platform_id))
        if is_of_config(field):
            said = select(config.c[field.name])
            return _single(row, said.where(config.c.blob_id == row.id))
        if field.sort is Sort.LINK and field.name in {"parent", "child"}:
            end = aliased(blob, self._names.next("b"))
            key = row.table.c[f"{field.name}_id"]
            return _single(row, select(end.c.digest).where(end.c.id == key))
        if field.name == "repository":
            whole: ColumnElement[str] = row.table.c.registry + "/" + row.table.c.repo
            return whole
        if self._split is not None and field.sort is Sort.REF and field.name in _TIMES:
            return self._split.latest(row.table, field.name)
        names = {} if field.sort is Sort.PACKAGE else _COLUMNS
        column_of_row: ColumnElement[Any] = row.table.c[names.get(field.name, field.name)]
        return column_of_row

    def cache(self) -> ColumnElement[str]:
        """Return the name of the cache in a query of a fleet, ordered by code points."""
        assert self._cache is not None, "the checker refuses `cache` in a query of one cache"
        return dialect.in_code_points(cast(dialect.parameter(self._cache), Text))

    def sort_key(self, row: Row, field: Field) -> ColumnElement[Any]:
        """Return the sort key of a field; of a version, the key of its scheme."""
        if field.sort is Sort.PACKAGE and field.name == "version":
            key: ColumnElement[str] = row.table.c.vkey
            return key
        return self.value(row, field)

    def inside(self, row: Row) -> CTE:
        """Walk down from a row, in a subquery on that row."""
        seed = select(row.content.label("id"))
        if self._split is not None and row.sort is Sort.REF:
            targets = self._split.targets
            seed = select(targets.c.blob_id.label("id")).where(targets.c.ref_id == row.id)
        seed = seed.correlate(row.table)
        walk = seed.cte(self._names.next("in"), recursive=True, nesting=True)
        return walk.union(
            select(edge.c.child_id).join_from(walk, edge, edge.c.parent_id == walk.c.id)
        )

    def _walked_value(self, row: Row, field: Field) -> ColumnElement[Any]:
        return self._computed(row, field) if field.computed else self._inside_value(row, field)

    def _computed(self, row: Row, field: Field) -> ColumnElement[Any]:
        if field.name == "exclusive":
            column: ColumnElement[int] = self.owned().c.bytes
            return column
        if field.name == "refs":
            return self._references(row)
        walk = self.inside(row)
        inner = aliased(blob, self._names.next("b"))
        size = select(func.coalesce(func.sum(inner.c.size), 0)).select_from(walk)
        joined = size.join(inner, inner.c.id == walk.c.id)
        return _single(row, joined.where(inner.c.state.in_(graph.ON_DISK)))

    def _inside_value(self, row: Row, field: Field) -> ColumnElement[Any]:
        """Join the distinct values of contained blobs in order; of times return the latest."""
        walk = self.inside(row)
        if field.inside == ("package",):
            held = walk.join(blob_package, blob_package.c.blob_id == walk.c.id)
            source = held.join(package, package.c.id == blob_package.c.package_id)
            value: ColumnElement[Any] = package.c[field.name]
        elif is_of_platform(field):
            inner = aliased(blob, self._names.next("b"))
            kinds = inner.c.kind.in_([int(Kind[kind.upper()]) for kind in field.inside])
            found = walk.join(inner, and_(inner.c.id == walk.c.id, kinds))
            source = found.join(platform, platform.c.id == inner.c.platform_id)
            value = _platform_text(field.name)
        else:
            source = walk.join(config, config.c.blob_id == walk.c.id)
            value = config.c[field.name]
        if field.type is Type.TIME:
            return _single(row, select(func.max(value)).select_from(source))
        each = select(value.label("value")).distinct().select_from(source).order_by("value")
        listed = each.subquery(self._names.next("list"))
        return _single(row, select(func.aggregate_strings(listed.c.value, ", ")))

    def _references(self, row: Row) -> ColumnElement[int]:
        seed = select(row.content.label("id")).correlate(row.table)
        walk = seed.cte(self._names.next("over"), recursive=True, nesting=True)
        walk = walk.union(
            select(edge.c.parent_id).join_from(walk, edge, edge.c.child_id == walk.c.id)
        )
        if self._split is not None:
            targets = self._split.targets
            several = select(func.count(targets.c.ref_id.distinct())).select_from(walk)
            return _single(row, several.join(targets, targets.c.blob_id == walk.c.id))
        inner = aliased(ref, self._names.next("r"))
        counted = select(func.count()).select_from(walk)
        return _single(row, counted.join(inner, inner.c.target_id == walk.c.id))

    def source(self, row: Row, fields: Iterable[Field]) -> FromClause:
        """Return the FROM clause that the values of `fields` need."""
        if not any(field.sort is Sort.REF and field.name == "exclusive" for field in fields):
            return row.table
        owned = self.owned()
        return row.table.join(owned, owned.c.root == self.image_of(row))

    def image_of(self, row: Row) -> ColumnElement[int]:
        """Return a key of the content of a ref: its target, or its image without an index."""
        if self._split is not None:
            return self._split.image_of(row.table)
        target: ColumnElement[int] = row.table.c.target_id
        return target

    def owned(self) -> CTE:
        """Sum, for every content of a ref, the sizes of the blobs that no other contains.

        The sum is joined: a subquery on the row would compute it again for every row.
        """
        if self._owned is None:
            content = self.image_of(Row(sort=Sort.REF, table=ref)).label("root")
            roots = select(content, ref.c.target_id.label("id")).distinct()
            pairs = pairs_below(roots, self._names.next("pairs"))
            # Every content takes part with nothing: a join for those that own nothing is slow.
            nothing = select(content, literal(0))
            self._owned = sum_of_single(pairs, self._names.next("owned"), nothing)
        return self._owned


class NameGenerator:
    """Names for the parts of one statement."""

    def __init__(self) -> None:
        self._last = 0

    def next(self, prefix: str) -> str:
        """Return a name that has not been used."""
        self._last += 1
        return f"{prefix}{self._last}"


def pairs_below(seed: Select[*tuple[Any, ...]], name: str) -> CTE:
    """Walk down from pairs of a root and a blob, keeping the root."""
    walk = seed.cte(name, recursive=True)
    return walk.union(
        select(walk.c.root, edge.c.child_id).join_from(walk, edge, edge.c.parent_id == walk.c.id)
    )


def sum_of_single(pairs: CTE, name: str, more: Select[Any, Any] | None = None) -> CTE:
    """Sum, for each root, the files of the blobs that are below no other root.

    `more` are roots and bytes that count as well.
    """
    alone = (
        select(func.min(pairs.c.root).label("root"), pairs.c.id)
        .group_by(pairs.c.id)
        .having(func.count() == 1)
        .subquery(f"{name}_alone")
    )
    inner = aliased(blob, f"{name}_blob")
    sizes: Select[Any, Any] = (
        select(alone.c.root.label("root"), inner.c.size.label("bytes"))
        .join_from(alone, inner, inner.c.id == alone.c.id)
        .where(inner.c.state.in_(graph.ON_DISK))
    )
    whole = (sizes if more is None else sizes.union_all(more)).subquery(f"{name}_sizes")
    summed = func.sum(whole.c.bytes).label("bytes")
    return select(whole.c.root, summed).group_by(whole.c.root).cte(name)


def _platform_text(name: str) -> ColumnElement[str]:
    if name != "platform":
        return platform_part(name)
    build = platform.c.os + "(" + platform.c.os_version + ")"
    system = case((platform.c.os_version != "", build), else_=platform.c.os)
    whole = system + "/" + platform.c.architecture + "/" + platform.c.variant
    # Absent parts leave slashes behind.
    text: ColumnElement[str] = func.trim(func.replace(whole, "//", "/"), "/")
    return text


def _single(row: Row, statement: Select[Any]) -> ScalarSelect[Any]:
    return statement.correlate(row.table).scalar_subquery()
