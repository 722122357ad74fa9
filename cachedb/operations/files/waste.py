"""Wasted bytes of images: overwritten, deleted, or stored more than once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cachedb.archive.image_tree import HiddenState, ImageTree
from cachedb.archive.tar.reader import MemberKind
from cachedb.errors import CacheError
from cachedb.operations.files.image_layers import UnreadImage
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cachedb.archive.image_tree import HiddenFile
    from cachedb.oci import Descriptor, Digest, Platform
    from cachedb.operations.files.image_layers import ImageLayers, LayerListings


_MOST_PLACES = 5


class WastedFile(NamedTuple):
    """A file that a layer of an image stores, and that a later one overwrites or deletes."""

    path: str
    """Absolute path in the layer."""
    layer: Digest
    """Digest of the layer that stores it."""
    size: int
    """Bytes, uncompressed."""
    state: HiddenState
    """Whether a later layer overwrites or deletes it."""


class ImageWaste(Record):
    """Bytes of the regular files in the layers of one platform of an image, uncompressed.

    `stored` is the sum over all layers; `overwritten` and `deleted` are the parts of it that no
    container sees. `files` are these files, the largest first.
    """

    name: str
    """Name of the image, else its digest."""
    platform: Platform | None
    """Platform of its config; None for an empty one."""
    digest: Digest
    stored: int
    overwritten: int
    deleted: int
    files: tuple[WastedFile, ...]

    @property
    def wasted(self) -> int:
        """Bytes that no container sees."""
        return self.overwritten + self.deleted

    @property
    def efficiency(self) -> float:
        """Part of the stored bytes that a container sees, from 0 to 1; 1 if nothing is stored."""
        return 1 - self.wasted / self.stored if self.stored else 1.0


class DuplicateContent(NamedTuple):
    """Content of `size` bytes that is stored `copies` times, at most five `places` of them.

    A place is a layer with a path in it.
    """

    sha256: str
    """SHA-256 of the content, as hexadecimal digits."""
    size: int
    copies: int
    places: tuple[tuple[Digest, str], ...]

    @property
    def wasted(self) -> int:
        """Bytes of all copies but one."""
        return self.size * (self.copies - 1)


class WasteReport(Record):
    """Wasted bytes of images, platform by platform, and content that is stored repeatedly.

    `duplicates` are sorted by wasted bytes, the most first.
    """

    images: tuple[ImageWaste, ...]
    """Waste of each platform of each image."""
    unread: tuple[UnreadImage, ...]
    """Images whose layers cannot be read."""
    duplicates: tuple[DuplicateContent, ...]


def measure(
    listings: LayerListings, images: Sequence[ImageLayers], unread: Sequence[UnreadImage] = ()
) -> WasteReport:
    """Measure wasted bytes of images, and duplicate content of layers; reads every layer.

    An image with an unreadable layer does not end the measurement, and that layer is excluded from
    the duplicates. `unread` are images whose layers could not be found.
    """
    layers = {layer.digest: layer for image in images for layer in image.layers}
    with listings.watched("measure waste", layers.values()):
        measured, unreadable = _measure_each(listings, images)
        return WasteReport(
            images=tuple(measured),
            unread=(*unread, *unreadable),
            duplicates=tuple(_duplicates(listings, layers.values())),
        )


def _measure_each(
    listings: LayerListings, images: Sequence[ImageLayers]
) -> tuple[list[ImageWaste], list[UnreadImage]]:
    measured, unread = [], []
    for image in images:
        try:
            with listings.watched(f"read {image.name}", image.layers):
                measured.append(_waste_of(listings, image))
        except CacheError as error:
            unread.append(UnreadImage(image.name, image.platform, error))
    return measured, unread


def _waste_of(listings: LayerListings, image: ImageLayers) -> ImageWaste:
    layers = [listings.hashed(layer) for layer in image.layers]
    tree = ImageTree(layers)
    hidden = sorted(tree.hidden(), key=lambda file: (-file.size, file.path, file.layer))
    stored = sum(
        file.member.size
        for layer in layers
        for file in layer
        if file.member.kind is MemberKind.FILE
    )
    return ImageWaste(
        name=image.name,
        platform=image.platform,
        digest=image.digest,
        stored=stored,
        overwritten=_bytes(hidden, HiddenState.OVERWRITTEN),
        deleted=_bytes(hidden, HiddenState.DELETED),
        files=tuple(
            WastedFile(file.path, image.layers[file.layer].digest, file.size, file.state)
            for file in hidden
            if file.size
        ),
    )


def _duplicates(listings: LayerListings, layers: Iterable[Descriptor]) -> list[DuplicateContent]:
    counts: dict[bytes, tuple[int, int]] = {}
    places: dict[bytes, list[tuple[Digest, str]]] = {}
    for layer in layers:
        try:
            files = listings.hashed(layer)
        except CacheError:
            continue
        for member, digest in files:
            if digest is None or not member.size:
                continue
            _, copies = counts.get(digest, (0, 0))
            counts[digest] = member.size, copies + 1
            kept = places.setdefault(digest, [])
            if len(kept) < _MOST_PLACES:
                kept.append((layer.digest, f"/{member.path.removeprefix('./').lstrip('/')}"))
    found = [
        DuplicateContent(digest.hex(), size, copies, tuple(places[digest]))
        for digest, (size, copies) in counts.items()
        if copies > 1
    ]
    return sorted(found, key=lambda each: (-each.wasted, each.sha256))


def _bytes(hidden: Iterable[HiddenFile], state: HiddenState) -> int:
    return sum(file.size for file in hidden if file.state is state)
