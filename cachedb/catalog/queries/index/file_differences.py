"""Entries in which two images differ, from what each of them shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, and_, bindparam, literal_column, null, or_, select, union_all

from cachedb.catalog.files.file_codes import ENTRY_BITS, FileKind
from cachedb.catalog.queries.definition import among_ids, defines, each_id
from cachedb.catalog.schema.file_tables import (
    attributes,
    entry,
    entry_xattr,
    hidden,
    link_target,
    linked,
    placement,
)
from cachedb.catalog.statements.index import file_entries as files

if TYPE_CHECKING:
    from sqlalchemy import CTE, ColumnElement, Select
    from sqlalchemy.sql.selectable import CompoundSelect

_BITS = literal_column(str(ENTRY_BITS), Integer())
_WHITEOUTS = (FileKind.WHITEOUT, FileKind.OPAQUE)
_WITH_TARGET = (FileKind.SYMLINK, FileKind.CHARACTER, FileKind.BLOCK)


@defines(files.DIFFERENCES)
def differences() -> CompoundSelect[*tuple[Any, ...]]:
    """Select the pairs of entries in which two images may differ.

    Takes time linear in the entries of layers that only one of them has, and in what each hides.
    """
    before, after = _own("before", "after"), _own("after", "before")
    changed = (
        select(before.c.id.label("before_id"), after.c.id.label("after_id"))
        .outerjoin(after, after.c.path_id == before.c.path_id)
        .where(or_(after.c.id.is_(None), _may_differ(before, after)))
    )
    added = (
        select(null().label("before_id"), after.c.id.label("after_id"))
        .outerjoin(before, before.c.path_id == after.c.path_id)
        .where(before.c.id.is_(None))
    )
    return union_all(changed, added)


def _own(side: str, other: str) -> CTE:
    """Select the entries that an image shows and the other does not, or with other content."""
    parts = (_of_layers(side), _hidden_in(side, other), _placed(side, other), _linked(side, other))
    return union_all(*parts).cte(f"own_{side}")


def _of_layers(side: str) -> Select[*tuple[Any, ...]]:
    layer = each_id(f"{side}_layers").subquery("layer")
    low, high = layer.c.value.op("<<")(_BITS), (layer.c.value + 1).op("<<")(_BITS)
    found = select(*_columns()).select_from(layer)
    in_layer = and_(entry.c.id >= low, entry.c.id < high)
    return found.join(entry, in_layer).where(_is_file(), ~_is_hidden(side))


def _hidden_in(side: str, other: str) -> Select[*tuple[Any, ...]]:
    """Select entries of layers of both that only the other image hides."""
    return (
        select(*_columns())
        .select_from(hidden)
        .join(entry, entry.c.id == hidden.c.entry_id)
        .where(
            hidden.c.image_id == bindparam(other),
            among_ids(entry.c.id.op(">>")(_BITS), "shared"),
            ~_is_hidden(side),
        )
    )


def _placed(side: str, other: str) -> Select[*tuple[Any, ...]]:
    there = placement.alias()
    in_other = and_(there.c.image_id == bindparam(other), there.c.entry_id == placement.c.entry_id)
    found = select(*_columns()).select_from(placement)
    return found.join(entry, entry.c.id == placement.c.entry_id).where(
        placement.c.image_id == bindparam(side), ~select(1).where(in_other).exists()
    )


def _linked(side: str, other: str) -> Select[*tuple[Any, ...]]:
    """Select hard links that both images show, each with other content."""
    there = linked.alias()
    return (
        select(*_columns())
        .select_from(linked)
        .join(entry, entry.c.id == linked.c.entry_id)
        .join(
            there,
            and_(there.c.image_id == bindparam(other), there.c.entry_id == linked.c.entry_id),
        )
        .where(linked.c.image_id == bindparam(side), there.c.origin_id != linked.c.origin_id)
    )


def _columns() -> tuple[ColumnElement[Any], ...]:
    return (
        entry.c.id,
        entry.c.path_id,
        entry.c.attributes_id,
        entry.c.size,
        entry.c.sha256,
    )


def _is_file() -> ColumnElement[bool]:
    found: ColumnElement[bool] = entry.c.attributes_id.not_in(_with_kinds(_WHITEOUTS))
    return found


def _is_hidden(side: str) -> ColumnElement[bool]:
    there = hidden.alias()
    found = and_(there.c.image_id == bindparam(side), there.c.entry_id == entry.c.id)
    return select(1).where(found).exists()


def _may_differ(before: CTE, after: CTE) -> ColumnElement[bool]:
    kinds = before.c.attributes_id
    return or_(
        before.c.attributes_id != after.c.attributes_id,
        before.c.size != after.c.size,
        before.c.sha256.is_distinct_from(after.c.sha256),
        kinds.in_(_with_kinds((FileKind.HARD_LINK,))),
        and_(
            kinds.in_(_with_kinds(_WITH_TARGET)),
            _target(before).is_distinct_from(_target(after)),
        ),
        _has_xattr(before),
        _has_xattr(after),
    )


def _with_kinds(kinds: tuple[FileKind, ...]) -> Select[int]:
    return select(attributes.c.id).where(attributes.c.kind.in_(list(map(int, kinds))))


def _target(side: CTE) -> ColumnElement[Any]:
    found = select(link_target.c.target).where(link_target.c.entry_id == side.c.id)
    return found.scalar_subquery()


def _has_xattr(side: CTE) -> ColumnElement[bool]:
    return select(1).where(entry_xattr.c.entry_id == side.c.id).exists()
