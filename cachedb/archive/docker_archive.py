"""Archives of ``docker save`` and ``docker load``: reader and writer.

Such an archive is a ``manifest.json`` that names a configuration and layers by member. An image in
it has no manifest, so an OCI manifest is made over the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from cachedb.archive.compression import Compression
from cachedb.archive.oci_archive import DOCKER_MANIFEST, blob_file, small_file
from cachedb.archive.tar import writer
from cachedb.errors import InvalidArchive, InvalidManifest
from cachedb.oci import Descriptor, media_type
from cachedb.oci.json_fields import Fields
from cachedb.oci.strict_json import decode, encode
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from cachedb.archive.oci_archive import OpenBlob
    from cachedb.oci import Digest

    SizedDigest: TypeAlias = tuple[Digest, int]

_LAYER_TYPES = {
    Compression.NONE: media_type.OCI_LAYER,
    Compression.GZIP: media_type.OCI_LAYER_GZIP,
    Compression.ZSTD: media_type.OCI_LAYER_ZSTD,
}
_MOST_LINKS = 16


class StoredFile(Record):
    """A stored member: its digest, its size in bytes and its compression."""

    digest: Digest
    size: int
    compression: Compression


class ListedImage(Record):
    """One entry of manifest.json: names of members, and the tags of the image."""

    config: str
    """Name of the member of the config."""
    layers: tuple[str, ...]
    """Names of the members of the layers, the lowest first."""
    tags: tuple[str, ...]


class Image(Record):
    """An image of the archive, ready to be stored: its tags and the manifest made for it."""

    config: Descriptor
    """Descriptor of the config."""
    layers: tuple[Descriptor, ...]
    """Descriptors of the layers, the lowest first."""
    tags: tuple[str, ...]

    @property
    def manifest(self) -> bytes:
        """The OCI manifest: always the same bytes for the same image."""
        return encode(
            {
                "schemaVersion": 2,
                "mediaType": media_type.OCI_MANIFEST,
                "config": self.config.to_json(),
                "layers": [layer.to_json() for layer in self.layers],
            }
        )


class ImageToWrite(Record):
    """Content of one image in the archive: blobs with their sizes, and tags."""

    config: SizedDigest
    """Digest and size of the config."""
    layers: Sequence[SizedDigest]
    """Digests and sizes of the layers, the lowest first."""
    tags: Sequence[str] = ()


def parse_manifest(content: bytes, *, name: str) -> tuple[ListedImage, ...]:
    """Read a manifest.json; `name` names the archive in errors.

    Raises:
        InvalidArchive: The document is malformed, or names a member that is not in the archive.
    """
    try:
        return tuple(_listed(each) for each in Fields({"": decode(content)}).objects(""))
    except InvalidManifest as error:
        raise InvalidArchive(name, str(error.of(DOCKER_MANIFEST))) from error


def assemble(
    listed: ListedImage,
    files: Mapping[str, StoredFile],
    links: Mapping[str, str],
    *,
    name: str,
) -> Image:
    """Make an image of the members that have been stored.

    `links` are the layers that are links to others.

    Raises:
        InvalidArchive: A member that manifest.json names is missing.
    """

    def find(member: str) -> StoredFile:
        """Return the file that a member is, or that its symlinks resolve to."""
        target = member
        for _ in range(_MOST_LINKS):
            if target not in links:
                break
            target = links[target]
        if target not in files:
            raise InvalidArchive(name, f"{DOCKER_MANIFEST} names {member!r}, which is missing")
        return files[target]

    config = find(listed.config)
    layers = map(find, listed.layers)
    return Image(
        config=Descriptor(
            media_type=media_type.OCI_CONFIG, digest=config.digest, size=config.size
        ),
        layers=tuple(
            Descriptor(
                media_type=_LAYER_TYPES[layer.compression], digest=layer.digest, size=layer.size
            )
            for layer in layers
        ),
        tags=listed.tags,
    )


def stream(images: Iterable[ImageToWrite], open_blob: OpenBlob) -> Generator[bytes]:
    """Yield an archive for ``docker load``, with the member names that linuxkit uses.

    Every layer has the suffix ``.tar.gz``, whatever its compression, and is written once; docker
    detects the compression by the content. `open_blob` opens a blob to be read to its end and
    closed.

    Raises:
        InvalidArchive: A blob does not have its size.
    """
    manifest = []
    written: set[str] = set()
    for image in images:
        digest, _ = image.config
        names = {str(digest): image.config}
        names |= {f"{layer[0].encoded}.tar.gz": layer for layer in image.layers}
        for member, (blob, size) in names.items():
            if member not in written:
                yield from blob_file(member, size, open_blob(blob))
        written |= names.keys()
        manifest.append(
            {
                "Config": str(digest),
                "RepoTags": list(image.tags) or None,
                "Layers": [f"{layer.encoded}.tar.gz" for layer, _ in image.layers],
            }
        )
    yield from small_file(DOCKER_MANIFEST, encode(manifest))
    yield writer.END


def _listed(fields: Fields) -> ListedImage:
    config, layers, tags = (_spelled(fields, key) for key in ("Config", "Layers", "RepoTags"))
    return ListedImage(
        config=_member(fields.require(config, str), fields.at(config)),
        layers=tuple(
            _member(layer, f"{fields.at(layers)}[{position}]")
            for position, layer in enumerate(fields.strings(layers))
        ),
        tags=fields.strings(tags),
    )


def _spelled(fields: Fields, key: str) -> str:
    """Return a key as the archive spells it: docker and podman, written in Go, ignore its case.

    Two keys that differ in case alone have been refused before, as in every document.
    """
    return next((each for each in fields.keys if each.lower() == key.lower()), key)


def _member(name: str, path: str) -> str:
    parts = name.split("/")
    if name.startswith("/") or ".." in parts:
        raise InvalidManifest(f"{name!r} leaves the archive", path)
    return "/".join(part for part in parts if part not in {"", "."})
