"""Index of files: the entries of layers, read once and kept for queries."""

from __future__ import annotations

import os
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from cachedb.archive import table_of_contents
from cachedb.archive.image_tree import ImageTree, hash_members
from cachedb.catalog.statements.index import file_entries as statements
from cachedb.errors import BlobNotFound, CacheError, InvalidArchive, LimitExceeded, StorageFailed
from cachedb.feedback.progress import CountedStream
from cachedb.oci import Digest
from cachedb.operations.cyclic_collector import collector_paused
from cachedb.operations.files import file_rows, image_rows
from cachedb.operations.files.false_tables import without_false_tables
from cachedb.operations.files.image_layers import UnreadImage, open_layer
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from cachedb.archive.image_tree import LayerFile
    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.feedback.progress import Progress, Task
    from cachedb.layout import Layout
    from cachedb.oci import Descriptor
    from cachedb.operations.files.image_layers import ImageLayers

    Reading = tuple[Descriptor, list[LayerFile] | CacheError]

_MOST_KEPT = 200_000


class UnreadableLayer(NamedTuple):
    """A layer that could not be indexed, with the reason; `hint` is a word that can be typed."""

    digest: Digest
    why: str
    """Reason, as a clause for messages."""
    hint: str | None = None


class FilesIndexed(Record):
    """Result of indexing: layers read now, layers known before, entries in all of them.

    `size` is that of the whole index in bytes.
    """

    images: int
    """Number of images whose visible files are known now."""
    layers: tuple[Digest, ...]
    """Layers that were read now, in the order of the images; only those that are indexed."""
    known: int
    """Number of layers that were indexed before; without those that could not be."""
    entries: int
    """Number of entries of all these layers."""
    unreadable: tuple[UnreadableLayer, ...]
    """Layers that cannot be indexed."""
    unread: tuple[UnreadImage, ...]
    """Images whose layers cannot be listed."""
    size: int

    @property
    def read(self) -> int:
        """Number of layers that were read now."""
        return len(self.layers)


def index_files(
    layout: Layout,
    catalog: Catalog,
    images: Sequence[ImageLayers],
    progress: Progress,
    unread: Sequence[UnreadImage] = (),
) -> FilesIndexed:
    """Index the layers of images that are not indexed yet, and the visible files of each image.

    A layer whose descriptor has the digest of a table of contents is read from that table, unless
    a deep validation found it false. Layers
    are read by one thread per core; each is written in a transaction of its own, so that an
    interrupted run keeps the layers that it finished. An unreadable layer is recorded with its
    problem, an image whose layers show no file tree is added to `unread`, and the run continues.
    `progress` receives each layer with its stored size in bytes.

    Raises:
        StorageFailed: The catalog is in memory, so that an index would end with the process.
    """
    if catalog.is_in_memory:
        what = "cannot keep an index of files: the cache is read-only, or the disk full"
        raise StorageFailed(what, hint="XDG_CACHE_HOME=DIRECTORY cachedb index files --all")
    layers = {layer.digest: layer for image in images for layer in image.layers}
    names = {layer.digest: image.name for image in reversed(images) for layer in image.layers}
    with catalog.reading_files() as connection:
        known = {row.digest for row in connection.each(statements.LAYERS)}
    wanted = without_false_tables(
        catalog, (layer for digest, layer in layers.items() if digest not in known)
    )
    recent = _RecentLayers()
    # Each layer makes many values, and no cycles.
    with collector_paused():
        with progress.task("index files", sum(layer.size for layer in wanted)) as task:
            read = _read_each(layout, wanted, task)
            missing = _write_each(catalog, read, names, recent, progress)
        with progress.task("find visible files", len(images), "images") as task:
            treeless = _find_visible(catalog, images, recent, task)
    report = _report(catalog, images, layers, known)
    return report.replace(unreadable=(*report.unreadable, *missing), unread=(*unread, *treeless))


def _write_each(
    catalog: Catalog,
    layers: Iterable[Reading],
    names: Mapping[Digest, str],
    recent: _RecentLayers,
    progress: Progress,
) -> list[UnreadableLayer]:
    """Write each layer in a transaction of its own; return those that may be readable later."""
    missing = []
    for layer, found in layers:
        # The blob may arrive, and the limit be raised: nothing is recorded.
        if isinstance(found, BlobNotFound | LimitExceeded):
            missing.append(UnreadableLayer(layer.digest, str(found), found.hint))
            continue
        with catalog.writing_files() as connection:
            if connection.first(statements.LAYER, digest=layer.digest) is None:
                file_rows.write_found(connection, layer.digest, found)
        if not isinstance(found, CacheError):
            recent.keep(layer.digest, found)
        how = "unreadable" if isinstance(found, CacheError) else "indexed"
        progress.finish(layer.digest, layer.size, f"{how} for {names[layer.digest]}")
    return missing


def _read_each(layout: Layout, layers: Sequence[Descriptor], task: Task) -> Iterator[Reading]:
    """Yield layers as they are read; at most two per core wait to be written."""
    cores = os.cpu_count() or 1
    pool = ThreadPoolExecutor(cores)
    try:
        waiting = iter(layers)
        first = islice(waiting, 2 * cores)
        running = {pool.submit(_read, layout, layer, task) for layer in first}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for each in done:
                yield each.result()
                for layer in waiting:
                    running.add(pool.submit(_read, layout, layer, task))
                    break
    finally:
        # After Ctrl-C the pool does not wait for a layer that is being read.
        pool.shutdown(wait=False, cancel_futures=True)


def _read(layout: Layout, layer: Descriptor, task: Task) -> Reading:
    try:
        with closing(open_layer(layout, layer)) as source:
            listed = _read_table(source, layer)
        if listed is not None:
            task.advance(layer.size)
            return layer, listed
        with closing(CountedStream(open_layer(layout, layer), task)) as counted:
            members = hash_members(cast("BinaryIO", counted), name=f"layer {layer.digest}")
            return layer, list(members)
    except CacheError as error:
        return layer, error


def _read_table(source: BinaryIO, layer: Descriptor) -> list[LayerFile] | None:
    """Read a layer from its table of contents; None if it has none that matches."""
    try:
        return table_of_contents.read(
            source, layer.size, layer.annotations, name=f"layer {layer.digest}"
        )
    except (InvalidArchive, LimitExceeded):
        return None  # the layer itself is read; `validate --deep` reports the table


class _RecentLayers:
    """Entries of layers that were read or written last, at most 200 000 in all."""

    def __init__(self) -> None:
        self._files: dict[Digest, list[LayerFile]] = {}

    def keep(self, layer: Digest, files: list[LayerFile]) -> None:
        """Keep the entries of a layer; drop those that were kept first."""
        self._files[layer] = files
        kept = sum(map(len, self._files.values()))
        while kept > _MOST_KEPT:
            kept -= len(self._files.pop(next(iter(self._files))))

    def entries(self, connection: Connection, layer: Digest, key: int) -> list[LayerFile]:
        """Return the entries of an indexed layer, which has the id `key`."""
        found = self._files.get(layer)
        if found is None:
            found = file_rows.read_layer(connection, key)
            self.keep(layer, found)
        return found


def _find_visible(
    catalog: Catalog, images: Sequence[ImageLayers], recent: _RecentLayers, task: Task
) -> list[UnreadImage]:
    """Write the hidden entries of each new image, if all of its layers are indexed.

    Returns the images whose layers show no file tree, as with a hard link to a missing file.
    """
    treeless = []
    for image in images:
        task.advance()
        with catalog.writing_files() as connection:
            if image.digest in connection.values(statements.IMAGES):
                continue
            ids = _ids(connection, image)
            if ids is None:
                continue
            layers = [
                recent.entries(connection, layer.digest, key)
                for layer, key in zip(image.layers, ids, strict=True)
            ]
            try:
                tree = ImageTree(layers)
            except CacheError as error:
                treeless.append(UnreadImage(image.name, image.platform, error))
                continue
            image_rows.write_image(connection, image.digest, ids, tree)
    return treeless


def _ids(connection: Connection, image: ImageLayers) -> list[int] | None:
    rows = [connection.first(statements.LAYER, digest=layer.digest) for layer in image.layers]
    found = [row.id for row in rows if row is not None and row.problem is None]
    return found if len(found) == len(rows) else None


def _report(
    catalog: Catalog,
    images: Sequence[ImageLayers],
    layers: Mapping[Digest, Descriptor],
    known: Collection[str],
) -> FilesIndexed:
    with catalog.reading_files() as connection:
        rows = [row for row in connection.each(statements.LAYERS) if row.digest in layers]
    indexed = {row.digest for row in rows if row.problem is None}
    return FilesIndexed(
        images=len(images),
        layers=tuple(each for each in layers if each in indexed and each not in known),
        known=len(indexed.intersection(known)),
        entries=sum(row.entries for row in rows),
        unreadable=tuple(
            UnreadableLayer(Digest(row.digest), row.problem) for row in rows if row.problem
        ),
        unread=(),
        size=catalog.files_index_size,
    )
