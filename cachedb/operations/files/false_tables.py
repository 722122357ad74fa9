"""False tables of contents: layers marked, and what the index of files has from them replaced."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING

from cachedb.archive.image_tree import hash_members
from cachedb.archive.table_of_contents import first_difference
from cachedb.catalog.files.removal import forget_layer
from cachedb.catalog.statements.index import file_entries as statements
from cachedb.catalog.user_state import distrusted_layers
from cachedb.errors import CacheBusy, InvalidArchive, LimitExceeded, StorageFailed
from cachedb.operations.files import file_rows
from cachedb.operations.files.image_layers import open_layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cachedb.archive.image_tree import LayerFile
    from cachedb.catalog.connect import Catalog
    from cachedb.errors import CacheError
    from cachedb.layout import Layout
    from cachedb.oci import Descriptor


def distrust(layout: Layout, catalog: Catalog, layers: Sequence[Descriptor]) -> None:
    """Mark layers whose table of contents is false, so that `index_files` reads their archives.

    The entries of those that are indexed are replaced, as `replace_entries` does. On a full or
    read-only disk, or beside another writer, no layer is marked.

    Raises:
        BlobNotFound: A layer is not in the layout.
        CorruptBlob: A layer has another hash than its digest.
    """
    if not layers:
        return
    with suppress(StorageFailed, CacheBusy), catalog.writing() as connection:
        distrusted_layers.add(connection, [layer.digest for layer in layers])
    replace_entries(layout, catalog, layers)


def without_false_tables(catalog: Catalog, layers: Iterable[Descriptor]) -> list[Descriptor]:
    """Return layers; those that are marked without the annotations that name their table."""
    with catalog.reading() as connection:
        marked = distrusted_layers.read(connection)
    return [layer.replace(annotations={}) if layer.digest in marked else layer for layer in layers]


def replace_entries(layout: Layout, catalog: Catalog, layers: Iterable[Descriptor]) -> None:
    """Replace the entries of indexed layers by those of their archives, where they differ.

    Images with such a layer are not indexed any more, until `index_files` finds what they show; it
    does not read the layer again. Reads each indexed layer once, and writes it in a transaction of
    its own. On a full or read-only disk, or beside another writer, the rows stay.

    Raises:
        BlobNotFound: A layer is not in the layout.
        CorruptBlob: A layer has another hash than its digest.
    """
    if not catalog.has_files_index:
        return
    with suppress(StorageFailed, CacheBusy):
        for layer in layers:
            _replace(layout, catalog, layer)


def _replace(layout: Layout, catalog: Catalog, layer: Descriptor) -> None:
    with catalog.reading_files() as connection:
        row = connection.first(statements.LAYER, digest=layer.digest)
        if row is None or row.problem is not None:
            return
        told = file_rows.read_layer(connection, row.id)
    name = f"layer {layer.digest}"
    try:
        with closing(open_layer(layout, layer)) as source:
            stored = list(hash_members(source, name=name))
    except (InvalidArchive, LimitExceeded) as error:
        found: list[LayerFile] | CacheError = error
    else:
        if first_difference(told, stored) is None:
            return
        found = stored
    with catalog.writing_files() as connection:
        forget_layer(connection, layer.digest)
        file_rows.write_found(connection, layer.digest, found)
