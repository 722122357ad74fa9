"""Sources: documents, config and archives of one image in the cache."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from cachedb.archive.chunk_reader import ChunkReader
from cachedb.errors import InvalidInput
from cachedb.oci import Digest, Index, Manifest
from cachedb.oci.strict_json import decode_object
from cachedb.operations.archives import image_parts
from cachedb.operations.archives.export import ExportOptions
from cachedb.operations.archives.export_formats import Form
from cachedb.operations.transfer.local_graph import LocalDocuments, read_config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachedb.cache import Cache
    from cachedb.oci import Descriptor, Platform


class ResolvableDescriptor:
    """Root of a name: an image for one platform, or an index of several."""

    def __init__(self, cache: Cache, descriptor: Descriptor) -> None:
        self._cache = cache
        self.descriptor = descriptor

    def image(self) -> Manifest:
        """Return the manifest.

        Raises:
            InvalidInput: The root is an index.
        """
        found = self._document()
        if not isinstance(found, Manifest):
            raise InvalidInput(f"{self.descriptor.digest} is an index, and not an image")
        return found

    def image_index(self) -> Index:
        """Return the index.

        Raises:
            InvalidInput: The root is an image.
        """
        found = self._document()
        if not isinstance(found, Index):
            raise InvalidInput(f"{self.descriptor.digest} is an image, and not an index")
        return found

    def digest(self) -> Digest:
        """Return the digest after hashing the content.

        Raises:
            BlobNotFound: The blob is absent.
            CorruptBlob: The content has another digest.
        """
        return self._cache.layout.blobs.verify(self.descriptor.digest).digest

    def _document(self) -> Index | Manifest | None:
        return LocalDocuments(self._cache.layout).document(self.descriptor)


class ImageSource:
    """One platform of an image in the cache, by default that of this machine."""

    def __init__(
        self,
        cache: Cache,
        reference: str,
        platform: Platform | None,
        descriptor: Descriptor | None,
    ) -> None:
        self._cache = cache
        self._reference = reference
        self._platforms = () if platform is None else (platform,)
        self._descriptor = descriptor

    def config(self) -> Mapping[str, Any]:
        """Return ``config`` of the image config (config.md §Properties), with every field."""
        image = self._cache.find_image(self._reference)
        roots = [image_parts.descriptor_of(root) for root in image.roots]
        documents = LocalDocuments(self._cache.layout)
        part = image_parts.find_one(
            documents, roots, self._platforms, self._reference, is_forced=False
        )
        described = part.image(self._reference).config
        assert described is not None  # a manifest without a config is not an image
        content = read_config(self._cache.layout, described)
        found: Mapping[str, Any] = decode_object(content).get("config") or {}
        return found

    def descriptor(self) -> Descriptor | None:
        """Return the descriptor that this source was made with."""
        return self._descriptor

    def tar_reader(self) -> BinaryIO:
        """Open the file system of the image, its layers flattened, as a tar archive."""
        return self._open(Form.FILESYSTEM, None)

    def v1_tar_reader(self, name: str | None = None) -> BinaryIO:
        """Open the image as an archive for ``docker load``, under another name if one is given."""
        return self._open(Form.DOCKER, name)

    def oci_tar_reader(self, name: str | None = None) -> BinaryIO:
        """Open the image as an OCI archive, under another name if one is given."""
        return self._open(Form.OCI, name)

    def sboms(self) -> list[bytes]:
        """Return the SBOMs of the image, byte for byte as in their statements."""
        platform = self._platforms[0] if self._platforms else None
        return [sbom.content for sbom in self._cache.sboms(self._reference, platform)]

    def _open(self, form: Form, name: str | None) -> BinaryIO:
        options = ExportOptions(form=form, platforms=self._platforms, name=name)
        return _archive(self._cache, self._reference, options)


class IndexSource:
    """An image in the cache with all or some of its platforms."""

    def __init__(
        self,
        cache: Cache,
        reference: str,
        descriptor: Descriptor | None,
        platforms: tuple[Platform, ...],
    ) -> None:
        self._cache = cache
        self._reference = reference
        self._descriptor = descriptor
        self._platforms = platforms

    def image(self, platform: Platform) -> ImageSource:
        """Return one platform of it."""
        return ImageSource(self._cache, self._reference, platform, self._descriptor)

    def descriptor(self) -> Descriptor | None:
        """Return the descriptor that this source was made with."""
        return self._descriptor

    def oci_tar_reader(self, name: str | None = None) -> BinaryIO:
        """Open it as an OCI archive, under another name if one is given."""
        options = ExportOptions(form=Form.OCI, platforms=self._platforms, name=name)
        return _archive(self._cache, self._reference, options)


def _archive(cache: Cache, reference: str, options: ExportOptions) -> BinaryIO:
    chunks = cache.export_chunks(cache.plan_export([reference], options))
    return cast("BinaryIO", io.BufferedReader(ChunkReader(chunks)))
