"""Statements on the index of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, and_, bindparam, delete, func, insert, literal_column, or_, select

from cachedb.catalog.enums import Role, State
from cachedb.catalog.files.file_codes import NAME_BITS
from cachedb.catalog.queries import graph
from cachedb.catalog.queries.definition import among_ids, among_texts, defines, each_id
from cachedb.catalog.schema import blob, link, ref
from cachedb.catalog.schema.file_tables import (
    ancestor,
    attributes,
    directory,
    entry,
    entry_xattr,
    hidden,
    indexed_layer,
    link_target,
    linked,
    path,
    placed_entry,
    placement,
    raw_path,
    shown_image,
)
from cachedb.catalog.statements.index import file_entries as files

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Delete, Select
    from sqlalchemy.sql.dml import Insert

# PostgreSQL shifts a number of 64 bits by one of 32 only.
_NAME_BITS = literal_column(str(NAME_BITS), Integer())


@defines(files.LAYERS)
def layers() -> Select[*tuple[Any, ...]]:
    """Select every indexed layer."""
    return select(*indexed_layer.c).order_by(indexed_layer.c.id)


@defines(files.LAYER)
def layer() -> Select[*tuple[Any, ...]]:
    """Select the indexed layer of a digest."""
    return select(*indexed_layer.c).where(indexed_layer.c.digest == bindparam("digest"))


@defines(files.IMAGES)
def images() -> Select[str]:
    """Select the images whose visible files are known."""
    return select(shown_image.c.digest).order_by(shown_image.c.id)


@defines(files.IMAGE)
def image() -> Select[*tuple[Any, ...]]:
    """Select the image of a digest."""
    return select(*shown_image.c).where(shown_image.c.digest == bindparam("digest"))


@defines(files.IMAGES_OF_LAYER)
def images_of_layer() -> Select[int]:
    """Select the images that have the layer of a digest."""
    layer = blob.alias("of_image")
    having = (
        select(blob.c.digest)
        .join(link, and_(link.c.parent_id == blob.c.id, link.c.role == Role.LAYER.value))
        .join(layer, layer.c.id == link.c.child_id)
        .where(layer.c.digest == bindparam("digest"))
    )
    return select(shown_image.c.id).where(shown_image.c.digest.in_(having))


@defines(files.PLACED)
def placed() -> Select[*tuple[Any, ...]]:
    """Select placed entries by path."""
    return _placed().where(among_ids(entry.c.path_id, "ids"), entry.c.id < 0)


@defines(files.STORED)
def stored() -> Select[*tuple[Any, ...]]:
    """Select placed entries by id."""
    return _placed().where(among_ids(entry.c.id, "ids"))


def _placed() -> Select[*tuple[Any, ...]]:
    found = select(entry.c.id, entry.c.path_id, placed_entry.c.stored_id)
    moved = found.outerjoin(placed_entry, placed_entry.c.entry_id == entry.c.id)
    return moved.order_by(entry.c.id)


@defines(files.LAST_PLACED)
def last_placed() -> Select[int]:
    """Select the smallest id of an entry, which is below 0 if one is placed."""
    return select(func.min(entry.c.id))


@defines(files.LINKED)
def some_linked() -> Select[int, int]:
    """Select hard links of an image."""
    found = select(linked.c.entry_id, linked.c.origin_id)
    of_image = linked.c.image_id == bindparam("image")
    return found.where(of_image, among_ids(linked.c.entry_id, "ids")).order_by(linked.c.entry_id)


@defines(files.ATTRIBUTES)
def all_attributes() -> Select[*tuple[Any, ...]]:
    """Select every combination of attributes."""
    found = select(
        attributes.c.id, attributes.c.kind, attributes.c.bits, attributes.c.uid, attributes.c.gid
    )
    return found.order_by(attributes.c.id)


@defines(files.ANCESTORS)
def ancestors() -> Select[int, str]:
    """Select ancestors by path; scans the table."""
    found = select(ancestor.c.id, ancestor.c.path)
    return found.where(among_texts(ancestor.c.path, "paths")).order_by(ancestor.c.id)


@defines(files.DIRECTORIES)
def directories() -> Select[int, str]:
    """Select directories by path; scans the table, which has one row per directory."""
    whole = path_of_directory()
    found = select(directory.c.id, whole.label("path")).join(ancestor, is_ancestor())
    return found.where(among_texts(whole, "paths")).order_by(directory.c.id)


@defines(files.PATHS)
def paths() -> Select[*tuple[Any, ...]]:
    """Select the paths in some directories, a range of ids for each."""
    wanted = each_id("ids").subquery("wanted")
    return (
        select(path.c.id, path.c.name, raw_path.c.raw)
        .select_from(wanted)
        .join(path, is_in_directory(wanted.c.value))
        .outerjoin(raw_path, raw_path.c.path_id == path.c.id)
        .order_by(path.c.id)
    )


@defines(files.LAST_ANCESTOR)
def last_ancestor() -> Select[int]:
    """Select the largest id of an ancestor."""
    return select(func.max(ancestor.c.id))


@defines(files.LAST_DIRECTORY)
def last_directory() -> Select[int]:
    """Select the largest id of a directory."""
    return select(func.max(directory.c.id))


@defines(files.ENTRIES)
def entries() -> Select[*tuple[Any, ...]]:
    """Select the entries of a range with all of their columns."""
    return _whole_entries().where(*_in_range(entry.c.id))


@defines(files.SOME_ENTRIES)
def some_entries() -> Select[*tuple[Any, ...]]:
    """Select entries by id with all of their columns."""
    return _whole_entries().where(among_ids(entry.c.id, "ids"))


def _whole_entries() -> Select[*tuple[Any, ...]]:
    return (
        select(
            entry.c.id,
            path_of_directory().label("directory"),
            path.c.name,
            raw_path.c.raw,
            attributes.c.kind,
            attributes.c.bits,
            attributes.c.uid,
            attributes.c.gid,
            entry.c.size,
            entry.c.modified,
            link_target.c.target,
            link_target.c.raw.label("raw_target"),
            entry.c.sha256,
        )
        .join(path, path.c.id == entry.c.path_id)
        .join(directory, directory.c.id == entry.c.path_id.op(">>")(_NAME_BITS))
        .join(ancestor, is_ancestor())
        .join(attributes, attributes.c.id == entry.c.attributes_id)
        .outerjoin(raw_path, raw_path.c.path_id == entry.c.path_id)
        .outerjoin(link_target, link_target.c.entry_id == entry.c.id)
        .order_by(entry.c.id)
    )


@defines(files.XATTRS)
def xattrs() -> Select[int, str, bytes]:
    """Select the extended attributes of the entries of a range."""
    return _xattrs().where(*_in_range(entry_xattr.c.entry_id))


@defines(files.SOME_XATTRS)
def some_xattrs() -> Select[int, str, bytes]:
    """Select the extended attributes of entries by id."""
    return _xattrs().where(among_ids(entry_xattr.c.entry_id, "ids"))


def _xattrs() -> Select[int, str, bytes]:
    found = select(entry_xattr.c.entry_id, entry_xattr.c.key, entry_xattr.c.value)
    return found.order_by(entry_xattr.c.entry_id, entry_xattr.c.key)


@defines(files.ABSENT_LAYERS)
def absent_layers() -> Select[int]:
    """Select the layers whose blob is not in the layout."""
    return select(indexed_layer.c.id).where(_is_absent(indexed_layer.c.digest))


@defines(files.ABSENT_IMAGES)
def absent_images() -> Select[int]:
    """Select the images whose manifest is not in the layout, or that lack a layer there.

    What they hide is of layers that get other ids when they arrive again.
    """
    layer = blob.alias("of_image")
    lacking = (
        select(blob.c.digest)
        .join(link, and_(link.c.parent_id == blob.c.id, link.c.role == Role.LAYER.value))
        .join(layer, layer.c.id == link.c.child_id)
        .where(
            blob.c.digest.in_(select(shown_image.c.digest)),
            layer.c.state != State.PRESENT.value,
        )
    )
    is_lacking = shown_image.c.digest.in_(lacking)
    return select(shown_image.c.id).where(or_(_is_absent(shown_image.c.digest), is_lacking))


@defines(files.COVERAGE)
def coverage() -> Select[int, int]:
    """Count refs of images, and those that contain no indexed image."""
    indexed = select(blob.c.id).join(shown_image, shown_image.c.digest == blob.c.digest)
    covered = graph.ancestors(indexed, "covered")
    images = (
        select(func.count())
        .select_from(ref)
        .join(blob, blob.c.id == ref.c.target_id)
        .where(blob.c.artifact_type.is_(None))
    )
    # Not `graph.outside`: SQLite would walk again for every ref.
    with_files = images.join(covered, covered.c.id == ref.c.target_id)
    return select(
        images.scalar_subquery().label("refs"),
        (images.scalar_subquery() - with_files.scalar_subquery()).label("without"),
    )


@defines(files.ADD_LAYER)
def add_layer() -> Insert:
    """Insert a layer."""
    return insert(indexed_layer)


@defines(files.ADD_ATTRIBUTES)
def add_attributes() -> Insert:
    """Insert a combination of attributes."""
    return insert(attributes)


@defines(files.ADD_ANCESTORS)
def add_ancestors() -> Insert:
    """Insert beginnings of paths."""
    return insert(ancestor)


@defines(files.ADD_DIRECTORIES)
def add_directories() -> Insert:
    """Insert directories."""
    return insert(directory)


@defines(files.ADD_PATHS)
def add_paths() -> Insert:
    """Insert paths."""
    return insert(path)


@defines(files.ADD_RAW_PATHS)
def add_raw_paths() -> Insert:
    """Insert the bytes of paths that are not UTF-8."""
    return insert(raw_path)


@defines(files.ADD_ENTRIES)
def add_entries() -> Insert:
    """Insert entries."""
    return insert(entry)


@defines(files.ADD_TARGETS)
def add_targets() -> Insert:
    """Insert targets of links."""
    return insert(link_target)


@defines(files.ADD_XATTRS)
def add_xattrs() -> Insert:
    """Insert extended attributes."""
    return insert(entry_xattr)


@defines(files.ADD_IMAGE)
def add_image() -> Insert:
    """Insert an image."""
    return insert(shown_image)


@defines(files.ADD_HIDDEN)
def add_hidden() -> Insert:
    """Insert the hidden entries of an image."""
    return insert(hidden)


@defines(files.ADD_PLACED)
def add_placed() -> Insert:
    """Insert placed entries."""
    return insert(placed_entry)


@defines(files.ADD_PLACEMENTS)
def add_placements() -> Insert:
    """Insert what an image places."""
    return insert(placement)


@defines(files.ADD_LINKED)
def add_linked() -> Insert:
    """Insert the hard links that an image shows."""
    return insert(linked)


@defines(files.DELETE_LAYERS)
def delete_layers() -> Delete:
    """Delete layers."""
    return delete(indexed_layer).where(among_ids(indexed_layer.c.id, "ids"))


@defines(files.DELETE_ENTRIES)
def delete_entries() -> Delete:
    """Delete the entries of a range."""
    return delete(entry).where(*_in_range(entry.c.id))


@defines(files.DELETE_TARGETS)
def delete_targets() -> Delete:
    """Delete the targets of a range."""
    return delete(link_target).where(*_in_range(link_target.c.entry_id))


@defines(files.DELETE_XATTRS)
def delete_xattrs() -> Delete:
    """Delete the extended attributes of a range."""
    return delete(entry_xattr).where(*_in_range(entry_xattr.c.entry_id))


@defines(files.DELETE_HIDDEN)
def delete_hidden() -> Delete:
    """Delete the hidden entries of images."""
    return delete(hidden).where(among_ids(hidden.c.image_id, "ids"))


@defines(files.DELETE_PLACEMENTS)
def delete_placements() -> Delete:
    """Delete what images place."""
    return delete(placement).where(among_ids(placement.c.image_id, "ids"))


@defines(files.DELETE_LINKED)
def delete_linked() -> Delete:
    """Delete the hard links of images."""
    return delete(linked).where(among_ids(linked.c.image_id, "ids"))


@defines(files.DELETE_UNUSED_ENTRIES)
def delete_unused_entries() -> Delete:
    """Delete the entries that were placed."""
    return delete(entry).where(*_was_placed(entry.c.id))


@defines(files.DELETE_UNUSED_PLACED)
def delete_unused_placed() -> Delete:
    """Delete the origins of entries that were placed."""
    return delete(placed_entry).where(*_was_placed(placed_entry.c.entry_id))


@defines(files.DELETE_UNUSED_TARGETS)
def delete_unused_targets() -> Delete:
    """Delete the targets of entries that were placed."""
    return delete(link_target).where(*_was_placed(link_target.c.entry_id))


@defines(files.DELETE_UNUSED_XATTRS)
def delete_unused_xattrs() -> Delete:
    """Delete the extended attributes of entries that were placed."""
    return delete(entry_xattr).where(*_was_placed(entry_xattr.c.entry_id))


@defines(files.DELETE_IMAGES)
def delete_images() -> Delete:
    """Delete images."""
    return delete(shown_image).where(among_ids(shown_image.c.id, "ids"))


@defines(files.DELETE_UNUSED_PATHS)
def delete_unused_paths() -> Delete:
    """Delete the paths that no entry has."""
    used = select(1).where(entry.c.path_id == path.c.id).exists()
    return delete(path).where(~used)


@defines(files.DELETE_UNUSED_RAW_PATHS)
def delete_unused_raw_paths() -> Delete:
    """Delete the bytes of paths that are not there any more."""
    used = select(1).where(path.c.id == raw_path.c.path_id).exists()
    return delete(raw_path).where(~used)


@defines(files.DELETE_UNUSED_DIRECTORIES)
def delete_unused_directories() -> Delete:
    """Delete the directories in which there is no path."""
    used = select(1).where(is_in_directory(directory.c.id)).exists()
    return delete(directory).where(~used)


@defines(files.DELETE_UNUSED_ANCESTORS)
def delete_unused_ancestors() -> Delete:
    """Delete the ancestors without a directory; scans the directories once."""
    return delete(ancestor).where(ancestor.c.id.not_in(select(directory.c.ancestor_id)))


def path_of_directory() -> ColumnElement[str]:
    """Return the path of a directory joined with its ancestor."""
    joined: ColumnElement[str] = ancestor.c.path + directory.c.below
    return joined


def is_ancestor() -> ColumnElement[bool]:
    """Join a directory with its ancestor."""
    return ancestor.c.id == directory.c.ancestor_id


def is_in_directory(directory_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Join paths with a row of their directory, by a range of ids."""
    low = directory_id.op("<<")(_NAME_BITS)
    high = (directory_id + 1).op("<<")(_NAME_BITS)
    return and_(path.c.id >= low, path.c.id < high)


def _in_range(column: ColumnElement[int]) -> tuple[ColumnElement[bool], ...]:
    return column >= bindparam("low"), column < bindparam("high")


def _was_placed(column: ColumnElement[int]) -> tuple[ColumnElement[bool], ...]:
    is_placed = select(1).where(placement.c.entry_id == column).exists()
    return column < 0, ~is_placed


def _is_absent(digest: ColumnElement[str]) -> ColumnElement[bool]:
    there = select(1).where(blob.c.digest == digest, blob.c.state == State.PRESENT.value)
    return ~there.exists()
