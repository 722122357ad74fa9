"""Files of layers in SQL: their fields, the blobs that hold them, the images that show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Integer, Text, and_, case, literal, or_, select, union_all
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from cachedb.catalog.enums import Role
from cachedb.catalog.files.file_codes import ENTRY_BITS, NAME_BITS, FileKind, HiddenBy
from cachedb.catalog.queries.index.file_entries import is_ancestor, path_of_directory
from cachedb.catalog.schema import blob, link
from cachedb.catalog.schema.file_tables import (
    ancestor,
    attributes,
    directory,
    entry,
    hidden,
    indexed_layer,
    link_target,
    path,
    placed_entry,
    placement,
    shown_image,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Select, Subquery
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.sql.selectable import FromClause

OF_PATH: Final = frozenset({"path", "name"})
"""Fields that stand in the tables of paths."""
OF_ATTRIBUTES: Final = frozenset({"type", "mode", "uid", "gid"})
"""Fields that stand in the table of attributes."""
_MICROSECONDS: Final = 1_000_000
_FIRST_SECOND: Final = -62_135_596_800
_LAST_SECOND: Final = 253_402_300_799
"""The first and the last second of the years 1 to 9999, since 1970."""
# PostgreSQL shifts a number of 64 bits by one of 32 only.
_BITS: Final = literal(ENTRY_BITS, Integer())
_NAME_BITS: Final = literal(NAME_BITS, Integer())
_WHITEOUTS: Final = (FileKind.WHITEOUT, FileKind.OPAQUE)
_SETUID, _SETGID, _EXECUTABLE, _WRITABLE = 0o4000, 0o2000, 0o111, 0o002
_LINKS: Final = (FileKind.SYMLINK, FileKind.HARD_LINK)


class _hex(FunctionElement[Any]):  # noqa: N801  (functions of SQL are lower case)
    """Bytes as lower-case hexadecimal digits."""

    type = Text()
    inherit_cache = True


@compiles(_hex, "sqlite")
def _hex_in_sqlite(element: _hex, compiler: SQLCompiler, **options: Any) -> str:
    return f"lower(hex({compiler.process(element.clauses, **options)}))"


@compiles(_hex, "postgresql")
def _hex_in_postgresql(element: _hex, compiler: SQLCompiler, **options: Any) -> str:
    return f"encode({compiler.process(element.clauses, **options)}, 'hex')"


class ChosenPairs(NamedTuple):
    """Sets of holders and of entries to which pairs are limited; None for all.

    The limits are in each part of the pairs: SQLite does not move a condition on a union into its
    parts, and would scan all entries.
    """

    holders: Select[int] | None = None
    entries: Select[int] | None = None

    def hold(
        self, holder: ColumnElement[int], key: ColumnElement[int]
    ) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions on the columns of one part."""
        if self.holders is not None:
            yield holder.in_(self.holders)
        if self.entries is not None:
            yield key.in_(self.entries)


ALL_PAIRS: Final = ChosenPairs()


def own_value(table: FromClause, name: str) -> ColumnElement[Any] | Select[Any]:
    """Return a field of an entry: an expression, or a statement of one value of its row."""
    if name == "path":
        joined = _with_directories(select(whole_path()))
        return joined.where(path.c.id == table.c.path_id)
    if name == "name":
        return select(path.c.name).where(path.c.id == table.c.path_id)
    if name in OF_ATTRIBUTES:
        return select(attributes.c[name]).where(attributes.c.id == table.c.attributes_id)
    if name == "layer":
        stored = select(placed_entry.c.stored_id).where(placed_entry.c.entry_id == table.c.id)
        of_layer = stored.correlate(table).scalar_subquery()
        own = case((table.c.id < 0, of_layer), else_=table.c.id)
        return select(indexed_layer.c.digest).where(indexed_layer.c.id == own.op(">>")(_BITS))
    if name == "target":
        return select(link_target.c.target).where(link_target.c.entry_id == table.c.id)
    if name == "digest":
        digest: ColumnElement[str] = literal("sha256:") + _hex(table.c.sha256)
        return case((table.c.sha256.is_not(None), digest))
    if name == "modified":
        return _within_calendar(table.c.modified) * _MICROSECONDS
    column: ColumnElement[Any] = table.c[name]
    return column


def _within_calendar(seconds: ColumnElement[int]) -> ColumnElement[int]:
    """Return a time since 1970 that a calendar has: the nearest in the years 1 to 9999."""
    return case(
        (seconds < _FIRST_SECOND, literal(_FIRST_SECOND)),
        (seconds > _LAST_SECOND, literal(_LAST_SECOND)),
        else_=seconds,
    )


def whole_path() -> ColumnElement[str]:
    """Return the path of a row of `path` joined with its directory and its ancestor."""
    joined: ColumnElement[str] = path_of_directory() + "/" + path.c.name
    return joined


def matching_paths(name: str, condition: ColumnElement[bool]) -> Select[int]:
    """Select the ids of paths whose path or name fulfils a condition; scans the paths once."""
    found = select(path.c.id.label("id"))
    if name == "path":
        found = _with_directories(found)
    return found.where(condition)


def paths_of(directory_of: ColumnElement[str], name_of: ColumnElement[str]) -> Select[int]:
    """Select the ids of one path by its directory and its name; scans the directories once."""
    low = directory.c.id.op("<<")(_NAME_BITS)
    high = (directory.c.id + 1).op("<<")(_NAME_BITS)
    # No equation with the shifted id: SQLite would scan the paths and look up their directories.
    in_directory = and_(path.c.id >= low, path.c.id < high)
    return (
        select(path.c.id.label("id"))
        .select_from(directory)
        .join(ancestor, is_ancestor())
        .join(path, in_directory)
        .where(path_of_directory() == directory_of, path.c.name == name_of)
    )


def matching_targets(condition: ColumnElement[bool]) -> Select[int]:
    """Select the entries whose target fulfils a condition; scans the targets once."""
    return select(link_target.c.entry_id.label("id")).where(condition)


def text_of(name: str) -> ColumnElement[str]:
    """Return the expression of `matching_paths` for the path or the name."""
    return whole_path() if name == "path" else path.c.name


def matching_attributes(condition: ColumnElement[bool]) -> Select[int]:
    """Select the ids of combinations of attributes that fulfil a condition."""
    return select(attributes.c.id.label("id")).where(condition)


def shown_pairs(name: str, chosen: ChosenPairs = ALL_PAIRS) -> Subquery:
    """Pair every indexed image with the entries that its containers see: holder_id, entry_id.

    An entry of a layer whose path leads through a symlink is paired where it is placed, and not
    where the layer has it. An entry whose layer is in an image twice is paired twice.
    """
    image, layer = blob.alias(f"{name}_image"), blob.alias(f"{name}_layer")
    is_hidden = select(1).where(
        hidden.c.image_id == shown_image.c.id, hidden.c.entry_id == entry.c.id
    )
    in_place = (
        select(image.c.id.label("holder_id"), entry.c.id.label("entry_id"))
        .select_from(shown_image)
        .join(image, image.c.digest == shown_image.c.digest)
        .join(link, and_(link.c.parent_id == image.c.id, link.c.role == int(Role.LAYER)))
        .join(layer, layer.c.id == link.c.child_id)
        .join(indexed_layer, indexed_layer.c.digest == layer.c.digest)
        .join(entry, _is_in_layer())
        .where(_is_file(), ~is_hidden.exists(), *chosen.hold(image.c.id, entry.c.id))
    )
    placing = blob.alias(f"{name}_placing")
    placed = (
        select(placing.c.id.label("holder_id"), placement.c.entry_id)
        .select_from(placement)
        .join(shown_image, shown_image.c.id == placement.c.image_id)
        .join(placing, placing.c.digest == shown_image.c.digest)
        .where(*chosen.hold(placing.c.id, placement.c.entry_id))
    )
    return union_all(in_place, placed).subquery(name)


def held_pairs(name: str, chosen: ChosenPairs = ALL_PAIRS) -> Subquery:
    """Pair every indexed layer with all of its entries: holder_id, entry_id.

    Where an image places an entry elsewhere, the layer has both.
    """
    layer, placing = blob.alias(f"{name}_layer"), blob.alias(f"{name}_placing")
    in_place = (
        select(layer.c.id.label("holder_id"), entry.c.id.label("entry_id"))
        .select_from(indexed_layer)
        .join(layer, layer.c.digest == indexed_layer.c.digest)
        .join(entry, _is_in_layer())
        .where(*chosen.hold(layer.c.id, entry.c.id))
    )
    placed = (
        select(placing.c.id.label("holder_id"), placed_entry.c.entry_id)
        .select_from(placed_entry)
        .join(indexed_layer, indexed_layer.c.id == placed_entry.c.stored_id.op(">>")(_BITS))
        .join(placing, placing.c.digest == indexed_layer.c.digest)
        .where(*chosen.hold(placing.c.id, placed_entry.c.entry_id))
    )
    return union_all(in_place, placed).subquery(name)


def direct_pairs(name: str, chosen: ChosenPairs = ALL_PAIRS) -> Subquery:
    """Pair images with what they show, and layers with their files: holder_id, entry_id.

    Whiteouts are no files.
    """
    shown, held = shown_pairs(f"{name}_shown", chosen), held_pairs(f"{name}_held", chosen)
    files_held = select(held).join(entry, entry.c.id == held.c.entry_id).where(_is_file())
    return union_all(select(shown), files_held).subquery(name)


def is_flagged(table: FromClause, word: str) -> ColumnElement[bool]:
    """Test an entry for a flag that its attributes tell."""
    bits, kind = attributes.c.bits, attributes.c.kind
    conditions = {
        "setuid": bits.op("&")(_SETUID) != 0,
        "setgid": bits.op("&")(_SETGID) != 0,
        "executable": bits.op("&")(_EXECUTABLE) != 0,
        "writable": and_(bits.op("&")(_WRITABLE) != 0, kind.not_in(list(map(int, _LINKS)))),
    }
    found: ColumnElement[bool] = table.c.attributes_id.in_(matching_attributes(conditions[word]))
    return found


def hidden_entries(word: str) -> Select[int]:
    """Select the entries that some image hides in a way: overwritten or deleted."""
    state = int(HiddenBy[word.upper()])
    return select(hidden.c.entry_id.label("id")).where(hidden.c.state == state).distinct()


def indexed_blobs() -> Select[int]:
    """Select the images whose visible files are known, and the layers that are indexed."""
    as_image = blob.c.digest.in_(select(shown_image.c.digest))
    read = select(indexed_layer.c.digest).where(indexed_layer.c.problem.is_(None))
    return select(blob.c.id.label("id")).where(or_(as_image, blob.c.digest.in_(read)))


def indexed_images() -> Select[int]:
    """Select the images whose visible files are known."""
    return select(blob.c.id.label("id")).where(blob.c.digest.in_(select(shown_image.c.digest)))


def _with_directories(paths: Select[Any]) -> Select[Any]:
    """Join paths with their directories, by the shift of their ids, and these with ancestors."""
    of_path = directory.c.id == path.c.id.op(">>")(_NAME_BITS)
    return paths.join(directory, of_path).join(ancestor, is_ancestor())


def _is_file() -> ColumnElement[bool]:
    whiteouts = select(attributes.c.id).where(attributes.c.kind.in_(list(map(int, _WHITEOUTS))))
    found: ColumnElement[bool] = entry.c.attributes_id.not_in(whiteouts)
    return found


def _is_in_layer() -> ColumnElement[bool]:
    """Join entries with their layer: by a range of ids, or by the shift of an id."""
    low = indexed_layer.c.id.op("<<")(_BITS)
    high = (indexed_layer.c.id + 1).op("<<")(_BITS)
    of_entry = indexed_layer.c.id == entry.c.id.op(">>")(_BITS)
    return and_(entry.c.id >= low, entry.c.id < high, of_entry)
