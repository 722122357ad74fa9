"""Layers of one platform of an image, opened and read in memory bounded by their entries."""

from __future__ import annotations

import io
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from cachedb.archive.image_tree import (
    ImageTree,
    hash_members,
    hash_members_of_sizes,
    list_members,
)
from cachedb.catalog.statements.index import file_entries as statements
from cachedb.errors import InvalidInput
from cachedb.feedback.progress import CountedStream
from cachedb.oci import Digest, graph
from cachedb.operations.archives import image_parts
from cachedb.operations.files import file_rows
from cachedb.operations.transfer.local_graph import LocalDocuments, check_present
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from cachedb.archive.image_tree import LayerFile
    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.errors import CacheError
    from cachedb.feedback.progress import Task
    from cachedb.layout import Layout
    from cachedb.oci import Descriptor, Platform
    from cachedb.operations.archives.image_parts import Part
    from cachedb.operations.read.resolve import ResolvedImage, Root

_MOST_KEPT = 2_000_000


class ImageLayers(Record):
    """One platform of an image: its layers, the lowest first, and its config.

    `name` identifies the image in messages: its name in the cache, else its digest.
    """

    name: str
    platform: Platform | None
    """Platform of its config; None for an empty one."""
    digest: Digest
    config: Descriptor
    """Descriptor of the config."""
    layers: tuple[Descriptor, ...]
    """Descriptors of the layers, the lowest first."""


def find_layers(
    layout: Layout, image: ResolvedImage, platforms: Sequence[Platform] = ()
) -> ImageLayers:
    """Find the layers of an image: of the requested platform, of this machine, or the only one.

    Raises:
        PlatformNotFound: The image has no manifest for the platform.
        InvalidInput: The content is not an image, or a layer is encrypted or not a file system.
        BlobNotFound: A layer is not in the layout.
    """
    part = image_parts.find_one(
        LocalDocuments(layout), image_parts.roots_of(layout, image), platforms, image.name,
        is_forced=False,
    )  # fmt: skip
    found = _layers_of(image.roots[0], part)
    for layer in found.layers:
        _check_unpackable(layer)
    check_present(layout, found.layers)
    return found


def find_all_layers(layout: Layout, root: Root) -> list[ImageLayers]:
    """Find the layers of each platform of an image that is in the layout.

    Attestations and other content without a file system are omitted. The presence and the format
    of layers are checked when they are opened.

    Raises:
        BlobNotFound: A document of the image is not in the layout.
        CorruptBlob: A document has another hash than its digest.
    """
    documents = LocalDocuments(layout)
    descriptor = image_parts.described(layout, root)
    if not graph.is_document(descriptor.media_type):
        return []
    parts = image_parts.find_parts(documents, [descriptor], root.name)
    return [
        _layers_of(root, part) for part in parts if part.may_be_image and part.document is not None
    ]


def _layers_of(root: Root, part: Part) -> ImageLayers:
    image = part.image(root.name)
    assert image.config is not None  # only images have one
    return ImageLayers(
        name=root.name or str(root.digest),
        platform=part.platform,
        digest=part.descriptor.digest,
        config=image.config,
        layers=image.layers,
    )


def open_layer(layout: Layout, layer: Descriptor) -> BinaryIO:
    """Open the bytes of a layer as they are stored; the last read checks their digest.

    Raises:
        BlobNotFound: The layer is not in the layout.
        InvalidInput: The layer is encrypted, or is not a file system.
    """
    _check_unpackable(layer)
    if layer.data is not None:
        return io.BytesIO(layer.data)
    return layout.blobs.open(layer.digest)


@contextmanager
def reading_layer(layout: Layout, layer: Descriptor, what: str) -> Iterator[BinaryIO]:
    """Open a layer as `open_layer` does, and report its bytes as a step of progress."""
    with (
        layout.progress.task(what, layer.size) as task,
        closing(open_layer(layout, layer)) as source,
    ):
        yield cast("BinaryIO", CountedStream(source, task))


def _check_unpackable(layer: Descriptor) -> None:
    if not layer.media_type.may_unpack:
        what = "is encrypted" if layer.media_type.is_encrypted else "is not a file system"
        kind = str(layer.media_type)
        raise InvalidInput(f"layer {layer.digest} {what}: its type is {kind!r}")


class UnreadImage(NamedTuple):
    """An image whose layers cannot be read, with the reason."""

    name: str
    """Name of the image in messages."""
    platform: Platform | None
    """Platform that cannot be read; None if it is not known."""
    error: CacheError
    """Reason why."""


class LayerListings:
    """Entries of layers: from the index of files, or else from the layer itself.

    Each layer is read once while its entries fit into the memory kept for that: at most 2 000 000
    entries are kept, and the layers that were read first are dropped.

    Raises:
        InvalidArchive: From every method: a layer is malformed.
        LimitExceeded: A layer has more members than the limit.
        CorruptBlob: A layer has another hash than its digest.
    """

    def __init__(self, layout: Layout, catalog: Catalog) -> None:
        self._layout = layout
        self._catalog = catalog
        self._hashed: dict[Digest, list[LayerFile]] = {}
        self._tasks: list[Task] = []

    @contextmanager
    def watched(self, what: str, layers: Iterable[Descriptor]) -> Iterator[None]:
        """Report the bytes that are read of layers inside the block as a step of progress.

        The total is that of the layers that are neither indexed nor kept; of none, there is no
        step. Blocks may be nested: the inner one is a part of the outer one.
        """
        wanted = {layer.digest: layer for layer in layers if layer.digest not in self._hashed}
        if wanted:
            with self._catalog.reading_files() as connection:
                for row in connection.each(statements.LAYERS):
                    if row.problem is None:
                        wanted.pop(Digest(row.digest), None)
        if not wanted:
            yield
            return
        total = sum(layer.size for layer in wanted.values())
        with self._layout.progress.task(what, total) as task:
            self._tasks.append(task)
            try:
                yield
            finally:
                self._tasks.pop()

    @contextmanager
    def indexed(self) -> Iterator[Connection]:
        """Open a transaction that reads the index of files, which may be empty."""
        with self._catalog.reading_files() as connection:
            yield connection

    def members_of(self, layer: Descriptor) -> list[LayerFile]:
        """Return the entries of a layer; content is not hashed."""
        found = self._kept_or_indexed(layer)
        return self._read(layer, list_members) if found is None else found

    def hashed_of_sizes(self, layer: Descriptor, sizes: Container[int]) -> list[LayerFile]:
        """Return the entries of a layer; at least the files of some sizes have their SHA-256."""
        found = self._kept_or_indexed(layer)
        hash_some = partial(hash_members_of_sizes, sizes=sizes)
        return self._read(layer, hash_some) if found is None else found

    def hashed(self, layer: Descriptor) -> list[LayerFile]:
        """Return the entries of a layer, with the SHA-256 of regular files."""
        found = self._kept_or_indexed(layer)
        return self._keep(layer, self._read(layer, hash_members)) if found is None else found

    def _kept_or_indexed(self, layer: Descriptor) -> list[LayerFile] | None:
        found = self._hashed.get(layer.digest)
        if found is not None:
            return found
        with self._catalog.reading_files() as connection:
            row = connection.first(statements.LAYER, digest=layer.digest)
            if row is None or row.problem is not None:
                return None
            return self._keep(layer, file_rows.read_layer(connection, row.id))

    def _keep(self, layer: Descriptor, files: list[LayerFile]) -> list[LayerFile]:
        self._hashed[layer.digest] = files
        self._drop_oldest()
        return files

    def tree(self, layers: Sequence[Descriptor]) -> ImageTree:
        """Return the file tree of layers; content is not hashed."""
        return ImageTree([self.members_of(layer) for layer in layers])

    def _read(
        self, layer: Descriptor, read: Callable[..., Iterator[LayerFile]]
    ) -> list[LayerFile]:
        with closing(open_layer(self._layout, layer)) as stored:
            source: Any = stored
            for task in self._tasks:
                source = CountedStream(source, task)
            return list(read(source, name=f"layer {layer.digest}"))

    def _drop_oldest(self) -> None:
        kept = sum(map(len, self._hashed.values()))
        while kept > _MOST_KEPT and len(self._hashed) > 1:
            kept -= len(self._hashed.pop(next(iter(self._hashed))))
