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
    """A path in its directory."""

    id: int
    directory_id: int
    name: str
    raw: bytes | None


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
    sha256: bytes | None


class XattrRow(NamedTuple):
    """An extended attribute of a member of a layer."""

    entry_id: int
    key: str
    value: bytes


class FilesCoverageRow(NamedTuple):
    """Number of refs of images, and of those that contain no indexed image."""

    refs: int
    without: int


LAYERS: Final = Rows("files.layers", IndexedLayerRow)
"""Every indexed layer, by id."""
LAYER: Final = Rows("files.layer", IndexedLayerRow)
"""The indexed layer of `digest`, if it is one."""
IMAGES: Final = Scalars("files.images", str)
"""The digests of the images whose visible files are known."""
ATTRIBUTES: Final = Rows("files.attributes", AttributesRow)
"""Every combination of attributes."""
DIRECTORIES: Final = Rows("files.directories", DirectoryRow)
"""The directories that have one of `paths`."""
PATHS: Final = Rows("files.paths", PathRow)
"""The paths in the directories of `ids`."""
LAST_DIRECTORY: Final = Scalars("files.last_directory", int)
"""The largest id of a directory; NULL without one."""
LAST_PATH: Final = Scalars("files.last_path", int)
"""The largest id of a path; NULL without one."""
ENTRIES: Final = Rows("files.entries", FileEntryRow)
"""The entries with ids from `low` to below `high`, in the order of the layer."""
XATTRS: Final = Rows("files.xattrs", XattrRow)
"""The extended attributes of entries with ids from `low` to below `high`, by entry and key."""
ABSENT_LAYERS: Final = Scalars("files.absent_layers", int)
"""The ids of the indexed layers that are no longer in the layout."""
ABSENT_IMAGES: Final = Scalars("files.absent_images", int)
"""The ids of the images that are no longer in the layout."""

COVERAGE: Final = Rows("files.coverage", FilesCoverageRow)
"""How much of the cache is indexed, in one row. Refs of artifacts do not count."""

ADD_LAYER: Final = Insert("files.add_layer", "digest", "entries", "problem")
ADD_ATTRIBUTES: Final = Insert(
    "files.add_attributes", "kind", "type", "bits", "mode", "uid", "gid"
)
ADD_DIRECTORIES: Final = Insert("files.add_directories", "id", "path")
ADD_PATHS: Final = Insert("files.add_paths", "id", "directory_id", "name", "raw")
ADD_ENTRIES: Final = Insert(
    "files.add_entries",
    "id", "path_id", "attributes_id", "size", "modified", "target", "raw_target", "sha256",
)  # fmt: skip
ADD_XATTRS: Final = Insert("files.add_xattrs", "entry_id", "key", "value")
ADD_IMAGE: Final = Insert("files.add_image", "digest")
ADD_HIDDEN: Final = Insert("files.add_hidden", "image_id", "entry_id", "state")

DELETE_LAYERS: Final = Write("files.delete_layers")
"""Delete the layers of `ids`."""
DELETE_ENTRIES: Final = Write("files.delete_entries")
"""Delete the entries with ids from `low` to below `high`."""
DELETE_XATTRS: Final = Write("files.delete_xattrs")
"""Delete the extended attributes of entries with ids from `low` to below `high`."""
DELETE_HIDDEN: Final = Write("files.delete_hidden")
"""Delete the hidden entries of the images of `ids`."""
DELETE_IMAGES: Final = Write("files.delete_images")
"""Delete the images of `ids`."""
DELETE_UNUSED_PATHS: Final = Write("files.delete_unused_paths")
"""Delete the paths that no entry has."""
DELETE_UNUSED_DIRECTORIES: Final = Write("files.delete_unused_directories")
"""Delete the directories in which there is no path."""
