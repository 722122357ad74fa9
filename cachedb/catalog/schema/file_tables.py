"""Tables of the index of files, in the schema ``files``.

An *entry* is a member of a layer. Its id is the id of the layer times 2^21 plus its place in the
layer, so that the entries of a layer are one range of ids and need no index for it. Paths are
stored once for all layers: a *directory*, and a *path* in it. The id of a path is the id of its
directory times 2^6 plus its place in it, so that the paths of a directory are a range as well; a
directory of more than 64 paths has several rows. Directories share the beginnings of their paths,
which take a third of the space then: the path of a directory is that of its *ancestor* with what
is below.

What few entries have (targets, extended attributes, bytes that are not UTF-8) is in tables of its
own: a column costs a byte in every row.

An image is *shown* when its visible files are known: then `hidden` has the entries of its layers
that no container of it sees where their layer has them. Most entries are visible, so that only the
exceptions are stored. A *placed* entry, with a negative id, is one that a container sees and no
layer has there: one whose path leads through a symlink of a lower layer, at the path that this
leads to, and a directory that is only implied by what is in it.

No column refers to rows of the catalog: layers and images are identified by digest, and survive a
rebuild of the catalog. SQLite holds the schema in a file of its own, so that the catalog stays
small.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Named,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
)

from cachedb.catalog.schema.column_types import INT64, NAMING_CONVENTION

metadata: Final = MetaData(schema="files", naming_convention=NAMING_CONVENTION)


class IndexedLayerColumns(TypedColumns):
    """A layer whose entries are indexed, or that cannot be read."""

    id: Column[int] = Column(INT64, primary_key=True)
    """Id of the row, from which the ids of its entries follow."""
    digest: Named[str] = Column(Text, nullable=False, unique=True)
    """Digest of the layer, as its manifest lists it."""
    entries: Named[int] = Column(Integer, nullable=False)
    """Number of entries; 0 if the layer cannot be read."""
    problem: Named[str | None] = Column(Text)
    """Reason why the layer cannot be read; the layer has no entries then."""


indexed_layer: Final = Table("layer", metadata, IndexedLayerColumns, sqlite_strict=True)


class AncestorColumns(TypedColumns):
    """A beginning of paths of directories: begins with a slash and ends with none, '' is the root.

    One path may stand in several rows.
    """

    id: Column[int] = Column(INT64, primary_key=True)
    """Id of the row."""
    path: Named[str] = Column(Text, nullable=False)
    """Path from the root."""


ancestor: Final = Table("ancestor", metadata, AncestorColumns, sqlite_strict=True)


class DirectoryColumns(TypedColumns):
    """A directory; its path is that of its ancestor, followed by `below`.

    Several rows have the same path if the directory has more paths than the ids of one row.
    """

    id: Column[int] = Column(INT64, primary_key=True)
    """Id of the row, from which the ids of its paths follow."""
    ancestor_id: Named[int] = Column(INT64, nullable=False)
    """Row of the beginning of its path."""
    below: Named[str] = Column(Text, nullable=False)
    """Begins with a slash, or '' if the directory is the ancestor itself."""


directory: Final = Table("directory", metadata, DirectoryColumns, sqlite_strict=True)


class PathColumns(TypedColumns):
    """A path: a name in a directory; '' in '' is the root."""

    id: Column[int] = Column(INT64, primary_key=True)
    """Id of the directory times 2^8, plus the place of the name in it."""
    name: Named[str] = Column(Text, nullable=False)
    r"""With an escape, as \udce9, for every byte that is not UTF-8."""


path: Final = Table("path", metadata, PathColumns, sqlite_strict=True)


class RawPathColumns(TypedColumns):
    """The bytes of a path that is not UTF-8."""

    path_id: Named[int] = Column(INT64, primary_key=True)
    """Path whose name has escapes."""
    raw: Named[bytes] = Column(LargeBinary, nullable=False)
    """Bytes of the name."""


raw_path: Final = Table("raw_path", metadata, RawPathColumns, sqlite_strict=True)


class AttributesColumns(TypedColumns):
    """Type, mode and owner of an entry; few combinations occur."""

    id: Column[int] = Column(INT64, primary_key=True)
    """Id of the combination."""
    kind: Named[int] = Column(Integer, nullable=False)
    """A `FileKind`."""
    type: Named[str] = Column(Text, nullable=False)
    """Name of the type in the query language."""
    bits: Named[int] = Column(Integer, nullable=False)
    """Permissions, the lower 12 bits of the mode."""
    mode: Named[str] = Column(Text, nullable=False)
    """Permissions in four octal digits."""
    uid: Named[int] = Column(INT64, nullable=False)
    """User id of the owner."""
    gid: Named[int] = Column(INT64, nullable=False)
    """Group id of the owner."""


attributes: Final = Table(
    "attributes",
    metadata,
    AttributesColumns,
    UniqueConstraint("kind", "bits", "uid", "gid"),
    sqlite_strict=True,
)


class EntryColumns(TypedColumns):
    """A member of a layer."""

    id: Column[int] = Column(INT64, primary_key=True)
    """Id of the layer times 2^21, plus the place of the member; below 0 if it is placed."""
    path_id: Named[int] = Column(INT64, nullable=False)
    """Path of the member."""
    attributes_id: Named[int] = Column(INT64, nullable=False)
    """Type, mode and owner."""
    size: Named[int] = Column(INT64, nullable=False)
    """Bytes of the content, as the header of the member declares them."""
    modified: Named[int] = Column(INT64, nullable=False)
    """Seconds since 1970."""
    sha256: Named[bytes | None] = Column(LargeBinary)
    """SHA-256 of the content of a regular file; NULL for another type."""


entry: Final = Table("entry", metadata, EntryColumns, sqlite_strict=True)
Index("ix_files_entry_path_id", entry.c.path_id)


class LinkTargetColumns(TypedColumns):
    """Target of a link; of a device its numbers, as 8:0."""

    entry_id: Named[int] = Column(INT64, primary_key=True)
    """Entry of the link or device."""
    target: Named[str] = Column(Text, nullable=False)
    """Target as text, with an escape for every byte that is not UTF-8."""
    raw: Named[bytes | None] = Column(LargeBinary)
    """The target if it is not UTF-8."""


link_target: Final = Table("target", metadata, LinkTargetColumns, sqlite_strict=True)


class EntryXattrColumns(TypedColumns):
    """An extended attribute of an entry."""

    entry_id: Named[int] = Column(INT64, primary_key=True)
    """Entry that has the attribute."""
    key: Named[str] = Column(Text, primary_key=True)
    """Name of the attribute, with its namespace, as user.mime_type."""
    value: Named[bytes] = Column(LargeBinary, nullable=False)
    """Bytes of the value."""


entry_xattr: Final = Table(
    "xattr", metadata, EntryXattrColumns, sqlite_with_rowid=False, sqlite_strict=True
)


class ShownImageColumns(TypedColumns):
    """An image manifest whose visible files are known."""

    id: Column[int] = Column(INT64, primary_key=True)
    """Id of the row, to which hidden and placed entries refer."""
    digest: Named[str] = Column(Text, nullable=False, unique=True)
    """Digest of the manifest."""


shown_image: Final = Table("image", metadata, ShownImageColumns, sqlite_strict=True)


class HiddenColumns(TypedColumns):
    """An entry that no container of an image sees at its path."""

    image_id: Named[int] = Column(INT64, primary_key=True)
    """Image whose containers do not see the entry."""
    entry_id: Named[int] = Column(INT64, primary_key=True)
    """Entry of one of its layers."""
    state: Named[int] = Column(Integer, nullable=False)
    """A `HiddenBy`."""


hidden: Final = Table(
    "hidden", metadata, HiddenColumns, sqlite_with_rowid=False, sqlite_strict=True
)
Index("ix_files_hidden_entry_id", hidden.c.entry_id)


class PlacedEntryColumns(TypedColumns):
    """A placed entry that a layer has elsewhere; one that is only implied has no row."""

    entry_id: Named[int] = Column(INT64, primary_key=True)
    """Id of the placed entry, below 0."""
    stored_id: Named[int] = Column(INT64, nullable=False)
    """Id of the entry of the layer."""


placed_entry: Final = Table("placed", metadata, PlacedEntryColumns, sqlite_strict=True)


class PlacementColumns(TypedColumns):
    """A placed entry that the containers of an image see."""

    image_id: Named[int] = Column(INT64, primary_key=True)
    """Image whose containers see the entry."""
    entry_id: Named[int] = Column(INT64, primary_key=True)
    """Placed entry, below 0."""


placement: Final = Table(
    "placement", metadata, PlacementColumns, sqlite_with_rowid=False, sqlite_strict=True
)
Index("ix_files_placement_entry_id", placement.c.entry_id)


class LinkedColumns(TypedColumns):
    """A hard link that the containers of an image see, and the entry that has its content."""

    image_id: Named[int] = Column(INT64, primary_key=True)
    """Image whose containers see the link."""
    entry_id: Named[int] = Column(INT64, primary_key=True)
    """Entry of the hard link."""
    origin_id: Named[int] = Column(INT64, nullable=False)
    """Entry of the regular file."""


linked: Final = Table(
    "linked", metadata, LinkedColumns, sqlite_with_rowid=False, sqlite_strict=True
)
