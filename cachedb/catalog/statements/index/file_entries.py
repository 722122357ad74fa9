"""Statements on the index of files, which `Catalog.reading_files` attaches."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Insert, Rows, Scalars, Write
from cachedb.records import NamedTuple


class IndexedLayerRow(NamedTuple):
    """An indexed layer; `problem` is the reason why it could not be read."""

    id: int
    digest: str
    entries: int
    problem: str | None


class PathRow(NamedTuple):
    """A path in its directory; `raw` are its bytes if they are not UTF-8."""

    id: int
    name: str
    raw: bytes | None


class AncestorRow(NamedTuple):
    """A beginning of paths of directories."""

    id: int
    path: str


class DirectoryRow(NamedTuple):
    """A directory by its path."""

    id: int
    path: str


class AttributesRow(NamedTuple):
    """Type, mode and owner of entries."""

    id: int
    kind: int
    bits: int
    uid: int
    gid: int


class FileEntryRow(NamedTuple):
    """A member of a layer, with its directory and its name."""

    id: int
    directory: str
    """Path of the directory; '' for the root and what is in it."""
    name: str
    raw: bytes | None
    kind: int
    bits: int
    uid: int
    gid: int
    size: int
    modified: int
    target: str | None
    raw_target: bytes | None
    """Target of a link if it is not UTF-8, else NULL."""
    sha256: bytes | None


class XattrRow(NamedTuple):
    """An extended attribute of a member of a layer."""

    entry_id: int
    key: str
    value: bytes


class ShownImageRow(NamedTuple):
    """An image whose visible files are known."""

    id: int
    digest: str


class PlacedRow(NamedTuple):
    """A placed entry: `stored_id` is that of a layer, None for an implied directory."""

    id: int
    path_id: int
    stored_id: int | None


class LinkedRow(NamedTuple):
    """A hard link, and the entry that has its content."""

    entry_id: int
    origin_id: int


class DifferenceRow(NamedTuple):
    """Entries that two images show at one path, None where there is none; they may be equal."""

    before_id: int | None
    """Id of the entry that the first image shows; NULL if it shows none."""
    after_id: int | None
    """Id of the entry that the second image shows; NULL if it shows none."""


class FilesCoverageRow(NamedTuple):
    """Number of refs of images, and of those that contain no indexed image."""

    refs: int
    """Number of refs of images."""
    without: int
    """Number of those that contain no indexed image."""


LAYERS: Final = Rows("files.layers", IndexedLayerRow)
"""Every indexed layer, by id."""
LAYER: Final = Rows("files.layer", IndexedLayerRow)
"""The indexed layer of `digest`, if it is one."""
IMAGES: Final = Scalars("files.images", str)
"""The digests of the images whose visible files are known."""
IMAGE: Final = Rows("files.image", ShownImageRow)
"""The image of `digest`, if its visible files are known."""
IMAGES_OF_LAYER: Final = Scalars("files.images_of_layer", int)
"""The ids of the images whose visible files are known and that have the layer of `digest`."""
PLACED: Final = Rows("files.placed", PlacedRow)
"""The placed entries that have one of the paths of `ids`."""
STORED: Final = Rows("files.stored", PlacedRow)
"""The placed entries of `ids`."""
LAST_PLACED: Final = Scalars("files.last_placed", int)
"""The smallest id of an entry: below 0, it is that of the placed entry that was made last."""
LINKED: Final = Rows("files.linked", LinkedRow)
"""The hard links of `ids` that the image of `image` shows, with their origins."""
DIFFERENCES: Final = Rows("files.differences", DifferenceRow)
"""The entries in which the images `before` and `after` may differ, paired by path.

`before_layers` and `after_layers` are the ids of layers that only one of them has, `shared` those
of both. Every pair that differs is selected; of equal pairs only hard links and entries with
extended attributes.
"""
ATTRIBUTES: Final = Rows("files.attributes", AttributesRow)
"""Every combination of attributes."""
ANCESTORS: Final = Rows("files.ancestors", AncestorRow)
"""The rows of the ancestors that have one of `paths`, by id."""
DIRECTORIES: Final = Rows("files.directories", DirectoryRow)
"""The rows of the directories that have one of `paths`, by id."""
PATHS: Final = Rows("files.paths", PathRow)
"""The paths in the directories of `ids`."""
LAST_ANCESTOR: Final = Scalars("files.last_ancestor", int)
"""The largest id of an ancestor; NULL without one."""
LAST_DIRECTORY: Final = Scalars("files.last_directory", int)
"""The largest id of a directory; NULL without one."""
ENTRIES: Final = Rows("files.entries", FileEntryRow)
"""The entries with ids from `low` to below `high`, in the order of the layer."""
SOME_ENTRIES: Final = Rows("files.some_entries", FileEntryRow)
"""The entries of `ids`, by id."""
SOME_XATTRS: Final = Rows("files.some_xattrs", XattrRow)
"""The extended attributes of the entries of `ids`, by entry and key."""
XATTRS: Final = Rows("files.xattrs", XattrRow)
"""The extended attributes of entries with ids from `low` to below `high`, by entry and key."""
ABSENT_LAYERS: Final = Scalars("files.absent_layers", int)
"""The ids of the indexed layers that are no longer in the layout."""
ABSENT_IMAGES: Final = Scalars("files.absent_images", int)
"""The ids of the images that are no longer in the layout, or that lack a layer there."""

COVERAGE: Final = Rows("files.coverage", FilesCoverageRow)
"""Coverage of the cache by the index, in one row. Refs of artifacts do not count."""

ADD_LAYER: Final = Insert("files.add_layer", "digest", "entries", "problem")
ADD_ATTRIBUTES: Final = Insert(
    "files.add_attributes", "kind", "type", "bits", "mode", "uid", "gid"
)
ADD_ANCESTORS: Final = Insert("files.add_ancestors", "id", "path")
ADD_DIRECTORIES: Final = Insert("files.add_directories", "id", "ancestor_id", "below")
ADD_PATHS: Final = Insert("files.add_paths", "id", "name")
ADD_RAW_PATHS: Final = Insert("files.add_raw_paths", "path_id", "raw")
ADD_ENTRIES: Final = Insert(
    "files.add_entries", "id", "path_id", "attributes_id", "size", "modified", "sha256"
)
ADD_TARGETS: Final = Insert("files.add_targets", "entry_id", "target", "raw")
ADD_XATTRS: Final = Insert("files.add_xattrs", "entry_id", "key", "value")
ADD_IMAGE: Final = Insert("files.add_image", "digest")
ADD_HIDDEN: Final = Insert("files.add_hidden", "image_id", "entry_id", "state")
ADD_PLACED: Final = Insert("files.add_placed", "entry_id", "stored_id")
ADD_PLACEMENTS: Final = Insert("files.add_placements", "image_id", "entry_id")
ADD_LINKED: Final = Insert("files.add_linked", "image_id", "entry_id", "origin_id")

DELETE_LAYERS: Final = Write("files.delete_layers")
"""Delete the layers of `ids`."""
DELETE_ENTRIES: Final = Write("files.delete_entries")
"""Delete the entries with ids from `low` to below `high`."""
DELETE_TARGETS: Final = Write("files.delete_targets")
"""Delete the targets of entries with ids from `low` to below `high`."""
DELETE_XATTRS: Final = Write("files.delete_xattrs")
"""Delete the extended attributes of entries with ids from `low` to below `high`."""
DELETE_HIDDEN: Final = Write("files.delete_hidden")
"""Delete the hidden entries of the images of `ids`."""
DELETE_PLACEMENTS: Final = Write("files.delete_placements")
"""Delete the placements of the images of `ids`."""
DELETE_LINKED: Final = Write("files.delete_linked")
"""Delete the hard links of the images of `ids`."""
DELETE_UNUSED_ENTRIES: Final = Write("files.delete_unused_entries")
"""Delete the entries with an id below 0 that no image places."""
DELETE_UNUSED_PLACED: Final = Write("files.delete_unused_placed")
"""Delete the origins of such entries."""
DELETE_UNUSED_TARGETS: Final = Write("files.delete_unused_targets")
"""Delete the targets of such entries."""
DELETE_UNUSED_XATTRS: Final = Write("files.delete_unused_xattrs")
"""Delete the extended attributes of such entries."""
DELETE_IMAGES: Final = Write("files.delete_images")
"""Delete the images of `ids`."""
DELETE_UNUSED_PATHS: Final = Write("files.delete_unused_paths")
"""Delete the paths that no entry has."""
DELETE_UNUSED_RAW_PATHS: Final = Write("files.delete_unused_raw_paths")
"""Delete the bytes of paths that are not there any more."""
DELETE_UNUSED_DIRECTORIES: Final = Write("files.delete_unused_directories")
"""Delete the directories in which there is no path."""
DELETE_UNUSED_ANCESTORS: Final = Write("files.delete_unused_ancestors")
"""Delete the ancestors that no directory has."""
