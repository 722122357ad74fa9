"""Removal from the index of files: layers and images that were collected."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from cachedb.catalog.files.file_codes import ENTRY_BITS
from cachedb.catalog.statement import many
from cachedb.catalog.statements.index import file_entries as statements
from cachedb.errors import CacheBusy, StorageFailed

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.oci import Digest


_OF_IMAGES: Final = (
    statements.DELETE_HIDDEN,
    statements.DELETE_PLACEMENTS,
    statements.DELETE_LINKED,
    statements.DELETE_IMAGES,
)
_OF_PLACED: Final = (
    statements.DELETE_UNUSED_ENTRIES,
    statements.DELETE_UNUSED_PLACED,
    statements.DELETE_UNUSED_TARGETS,
    statements.DELETE_UNUSED_XATTRS,
)


def forget_removed(catalog: Catalog) -> None:
    """Delete the rows of layers and images that are no longer in the layout.

    One `stat` call if there is no index. On a full disk, or beside another writer, the rows stay
    until the next collection: they are of layers that no image has.
    """
    if not catalog.has_files_index:
        return
    with suppress(StorageFailed, CacheBusy), catalog.writing_files() as connection:
        _forget_absent(connection)


def forget_layers(catalog: Catalog, digests: Collection[Digest]) -> None:
    """Delete the rows of some layers that no indexed image has, in one transaction."""
    with catalog.writing_files() as connection:
        rows = (connection.first(statements.LAYER, digest=digest) for digest in digests)
        _forget(connection, [row.id for row in rows if row is not None])


def forget_layer(connection: Connection, digest: Digest) -> None:
    """Delete the rows of an indexed layer, and of the images that have it."""
    row = connection.first(statements.LAYER, digest=digest)
    if row is None:
        return
    _forget_images(connection, connection.values(statements.IMAGES_OF_LAYER, digest=digest))
    _forget(connection, [row.id])


def _forget_absent(connection: Connection) -> None:
    """Delete the layers and images that are no longer in the layout, and their paths."""
    images = connection.values(statements.ABSENT_IMAGES)
    _forget_images(connection, images)
    layers = connection.values(statements.ABSENT_LAYERS)
    if images or layers:
        _forget(connection, layers)


def _forget_images(connection: Connection, images: Sequence[int]) -> None:
    """Delete what images show and hide, and the placed entries that no other image has."""
    if not images:
        return
    for statement in _OF_IMAGES:
        connection.write(statement, ids=many(images))
    for statement in _OF_PLACED:
        connection.write(statement)


def _forget(connection: Connection, layers: Sequence[int]) -> None:
    """Delete layers with their entries, and the paths that no other layer has."""
    for layer in layers:
        low, high = layer << ENTRY_BITS, (layer + 1) << ENTRY_BITS
        connection.write(statements.DELETE_XATTRS, low=low, high=high)
        connection.write(statements.DELETE_TARGETS, low=low, high=high)
        connection.write(statements.DELETE_ENTRIES, low=low, high=high)
    connection.write(statements.DELETE_LAYERS, ids=many(layers))
    connection.write(statements.DELETE_UNUSED_PATHS)
    connection.write(statements.DELETE_UNUSED_RAW_PATHS)
    connection.write(statements.DELETE_UNUSED_DIRECTORIES)
    connection.write(statements.DELETE_UNUSED_ANCESTORS)
