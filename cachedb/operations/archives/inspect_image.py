"""Inspection of an image in the cache: its documents, with the values of `remote_inspect`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.oci import graph
from cachedb.operations.archives import image_parts
from cachedb.operations.transfer.local_graph import LocalDocuments
from cachedb.records import Record

if TYPE_CHECKING:
    from cachedb.layout import Layout
    from cachedb.oci import Descriptor, Digest, Platform
    from cachedb.operations.archives.image_parts import Part
    from cachedb.operations.read.resolve import ResolvedImage


class CachedManifest(Record):
    """An image or artifact in the cache; `size` is that of all content, in bytes.

    `size` and `layers` are None for a manifest that was not pulled.
    """

    descriptor: Descriptor
    platform: Platform | None
    """Platform that its descriptor, else its config, names; None without one."""
    artifact_type: str | None
    """Type of the artifact; None for an image."""
    layers: int | None
    size: int | None


class CachedImage(Record):
    """Image in the cache; `size` is that of the present manifests, shared blobs once, in bytes."""

    name: str | None
    """Name of the image; None for content without one."""
    descriptors: tuple[Descriptor, ...]
    """Descriptors of its documents: of one, or of one a platform."""
    manifests: tuple[CachedManifest, ...]
    size: int


def inspect(layout: Layout, image: ResolvedImage) -> CachedImage:
    """Inspect an image from its documents.

    Raises:
        InvalidInput: The digest is that of a blob and not of an image.
        CorruptBlob: A document has another hash.
    """
    roots = image_parts.roots_of(layout, image)
    parts = image_parts.find_parts(LocalDocuments(layout), roots, image.name)
    sizes = {root.digest: root.size for root in roots}
    for part in parts:
        sizes |= _sizes(part)
    return CachedImage(
        name=image.name,
        descriptors=roots,
        manifests=tuple(map(_summary, parts)),
        size=sum(sizes.values()),
    )


def _sizes(part: Part) -> dict[Digest, int]:
    if part.document is None:
        return {}
    leaves = graph.required_content(part.document).leaves
    return {each.digest: each.size for each in (part.descriptor, *leaves)}


def _summary(part: Part) -> CachedManifest:
    document = part.document
    return CachedManifest(
        descriptor=part.descriptor,
        platform=part.platform,
        artifact_type=(
            None if document is None or document.is_image else graph.listed_artifact_type(document)
        ),
        layers=None if document is None else len(document.layers),
        size=None if document is None else sum(_sizes(part).values()),
    )
