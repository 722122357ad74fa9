"""Statements on the index of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, insert, select

from cachedb.catalog.enums import State
from cachedb.catalog.files.file_tables import (
    attributes,
    directory,
    entry,
    entry_xattr,
    hidden,
    indexed_layer,
    path,
    shown_image,
)
from cachedb.catalog.queries import graph
from cachedb.catalog.queries.definition import defines, each_id, each_text
from cachedb.catalog.schema import blob, ref
from cachedb.catalog.statements.index import file_entries as files

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Delete, Select
    from sqlalchemy.sql.dml import Insert


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


@defines(files.ATTRIBUTES)
def all_attributes() -> Select[*tuple[Any, ...]]:
    """Select every combination of attributes."""
    found = select(
        attributes.c.id, attributes.c.kind, attributes.c.bits, attributes.c.uid, attributes.c.gid
    )
    return found.order_by(attributes.c.id)


@defines(files.DIRECTORIES)
def directories() -> Select[int, str]:
    """Select directories by path; scans the table, which has one row per directory."""
    found = select(directory.c.id, directory.c.path)
    return found.where(directory.c.path.in_(each_text("paths"))).order_by(directory.c.id)


@defines(files.PATHS)
def paths() -> Select[*tuple[Any, ...]]:
    """Select the paths in some directories."""
    return select(*path.c).where(path.c.directory_id.in_(each_id("ids"))).order_by(path.c.id)


@defines(files.LAST_DIRECTORY)
def last_directory() -> Select[int]:
    """Select the largest id of a directory."""
    return select(func.max(directory.c.id))


@defines(files.LAST_PATH)
def last_path() -> Select[int]:
    """Select the largest id of a path."""
    return select(func.max(path.c.id))


@defines(files.ENTRIES)
def entries() -> Select[*tuple[Any, ...]]:
    """Select the entries of a range with all of their columns."""
    return (
        select(
            entry.c.id,
            directory.c.path.label("directory"),
            path.c.name,
            path.c.raw,
            attributes.c.kind,
            attributes.c.bits,
            attributes.c.uid,
            attributes.c.gid,
            entry.c.size,
            entry.c.modified,
            entry.c.target,
            entry.c.raw_target,
            entry.c.sha256,
        )
        .join(path, path.c.id == entry.c.path_id)
        .join(directory, directory.c.id == path.c.directory_id)
        .join(attributes, attributes.c.id == entry.c.attributes_id)
        .where(*_in_range(entry.c.id))
        .order_by(entry.c.id)
    )


@defines(files.XATTRS)
def xattrs() -> Select[int, str, bytes]:
    """Select the extended attributes of the entries of a range."""
    found = select(entry_xattr.c.entry_id, entry_xattr.c.key, entry_xattr.c.value)
    return found.where(*_in_range(entry_xattr.c.entry_id)).order_by(
        entry_xattr.c.entry_id, entry_xattr.c.key
    )


@defines(files.ABSENT_LAYERS)
def absent_layers() -> Select[int]:
    """Select the layers whose blob is not in the layout."""
    return select(indexed_layer.c.id).where(_is_absent(indexed_layer.c.digest))


@defines(files.ABSENT_IMAGES)
def absent_images() -> Select[int]:
    """Select the images whose manifest is not in the layout."""
    return select(shown_image.c.id).where(_is_absent(shown_image.c.digest))


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


@defines(files.ADD_DIRECTORIES)
def add_directories() -> Insert:
    """Insert directories."""
    return insert(directory)


@defines(files.ADD_PATHS)
def add_paths() -> Insert:
    """Insert paths."""
    return insert(path)


@defines(files.ADD_ENTRIES)
def add_entries() -> Insert:
    """Insert entries."""
    return insert(entry)


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


@defines(files.DELETE_LAYERS)
def delete_layers() -> Delete:
    """Delete layers."""
    return delete(indexed_layer).where(indexed_layer.c.id.in_(each_id("ids")))


@defines(files.DELETE_ENTRIES)
def delete_entries() -> Delete:
    """Delete the entries of a range."""
    return delete(entry).where(*_in_range(entry.c.id))


@defines(files.DELETE_XATTRS)
def delete_xattrs() -> Delete:
    """Delete the extended attributes of a range."""
    return delete(entry_xattr).where(*_in_range(entry_xattr.c.entry_id))


@defines(files.DELETE_HIDDEN)
def delete_hidden() -> Delete:
    """Delete the hidden entries of images."""
    return delete(hidden).where(hidden.c.image_id.in_(each_id("ids")))


@defines(files.DELETE_IMAGES)
def delete_images() -> Delete:
    """Delete images."""
    return delete(shown_image).where(shown_image.c.id.in_(each_id("ids")))


@defines(files.DELETE_UNUSED_PATHS)
def delete_unused_paths() -> Delete:
    """Delete the paths that no entry has."""
    used = select(1).where(entry.c.path_id == path.c.id).exists()
    return delete(path).where(~used)


@defines(files.DELETE_UNUSED_DIRECTORIES)
def delete_unused_directories() -> Delete:
    """Delete the directories in which there is no path."""
    used = select(1).where(path.c.directory_id == directory.c.id).exists()
    return delete(directory).where(~used)


def _in_range(column: ColumnElement[int]) -> tuple[ColumnElement[bool], ...]:
    return column >= bindparam("low"), column < bindparam("high")


def _is_absent(digest: ColumnElement[str]) -> ColumnElement[bool]:
    there = select(1).where(blob.c.digest == digest, blob.c.state == State.PRESENT.value)
    return ~there.exists()
