"""Index write: make an image index under a name, or add images to it.

The result equals that of linuxkit's IndexWrite, byte for byte, except where IndexWrite loses data:
images for two variants (arm/v6 and arm/v7) stay two, the previous index stays as long as another
name resolves to it, and the same images always yield the same index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from cachedb.errors import InvalidInput, Refused
from cachedb.limits import MANIFEST_BYTES
from cachedb.oci import Descriptor, Digest, attestation
from cachedb.oci.index_merge import IndexDocument, IndexEntry
from cachedb.oci.media_type import OCI_INDEX
from cachedb.operations.transfer.publish import Naming, publish, publish_made

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout
    from cachedb.layout.index_json import IndexJson

_EMPTY = (
    b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
)
_SOURCE = "build"

PlatformKey: TypeAlias = tuple[str, str, str, str, tuple[str, ...]]


def write_index(
    layout: Layout, catalog: Catalog, name: str, descriptors: Sequence[Descriptor]
) -> Descriptor:
    """Make an index of images, or add them to the index of that name; return its descriptor.

    An image replaces one for the same platform, with the attestations about it. The images need
    not be present.

    Raises:
        InvalidInput: There are no images.
        Refused: The name is that of a single image.
    """
    if not descriptors:
        raise InvalidInput("an index without any manifest cannot be made")

    def make(index: IndexJson) -> tuple[Naming, bytes]:
        written = _written(layout, index, name, descriptors)
        descriptor = Descriptor(
            media_type=written.media_type,
            digest=Digest.of(written.content),
            size=len(written.content),
        )
        return Naming(name=name, descriptor=descriptor, source=_SOURCE), written.content

    with layout.staging() as stage:
        publish_made(layout, catalog, stage, make)
    return named(layout, name)


def write_descriptor(
    layout: Layout, catalog: Catalog, name: str, descriptor: Descriptor
) -> Descriptor:
    """Name a descriptor, whose content need not be present; return its entry of index.json.

    Raises:
        InvalidInput: The name is empty.
    """
    if not name:
        raise InvalidInput("a descriptor needs a name")
    with layout.staging() as stage:
        naming = Naming(name=name, descriptor=descriptor, source=_SOURCE)
        publish(layout, catalog, stage, [], [naming])
    return named(layout, name)


def named(layout: Layout, name: str) -> Descriptor:
    """Return the descriptor of the last entry of index.json with a name."""
    return next(ref.descriptor for ref in reversed(layout.index().refs) if ref.name == name)


def _written(
    layout: Layout, index: IndexJson, name: str, descriptors: Sequence[Descriptor]
) -> IndexDocument:
    new = [IndexEntry(descriptor=each, json=each.to_json()) for each in descriptors]
    old = next((ref.descriptor for ref in index.refs if ref.name == name), None)
    if old is None:
        return IndexDocument.parse(_EMPTY, OCI_INDEX).listing(new)
    if not old.media_type.is_index:
        raise Refused(f"{name!r} is the name of a single image, not of an index")
    content = layout.blobs.read(old.digest, MANIFEST_BYTES)
    document = IndexDocument.parse(content, old.media_type)
    return document.listing(_merged(document.entries, new))


def _merged(old: Sequence[IndexEntry], new: Sequence[IndexEntry]) -> Iterable[IndexEntry]:
    """Replace old entries by new ones for the same platform, and append the rest."""
    by_platform = {key: entry for entry in new if (key := _platform(entry)) is not None}
    found: list[IndexEntry] = []
    for entry in old:
        key = _platform(entry)
        found.append(entry if key is None else by_platform.pop(key, entry))
    found += by_platform.values()
    found += (entry for entry in new if _platform(entry) is None)
    each_once = {entry.descriptor.digest: entry for entry in reversed(found)}
    kept = list(dict.fromkeys(e.descriptor.digest for e in found))
    return [each_once[digest] for digest in kept if _about(each_once[digest]) in {None, *kept}]


def _about(entry: IndexEntry) -> str | None:
    annotations = entry.descriptor.annotations
    return attestation.about(annotations) if attestation.is_attestation(annotations) else None


def _platform(entry: IndexEntry) -> PlatformKey | None:
    """Return the key of a platform; None for attestations, which have no platform."""
    platform = entry.descriptor.platform
    if platform is None or platform.is_unknown:
        return None
    normal = platform.normalized()
    return (
        normal.os,
        normal.architecture,
        normal.variant,
        normal.os_version,
        normal.os_features,
    )
