"""Names of single platforms of an image: ``NAME-amd64``, as linuxkit's pull writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.oci import Index
from cachedb.oci.names.arch_tag import arch_tags
from cachedb.operations.archives import image_parts
from cachedb.operations.transfer.local_graph import LocalDocuments
from cachedb.operations.transfer.publish import Naming, publish

if TYPE_CHECKING:
    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout
    from cachedb.oci import Descriptor, Reference


def name_platforms(
    layout: Layout, catalog: Catalog, name: str, root: Descriptor
) -> tuple[Reference, ...]:
    """Name the present images of an index, as linuxkit does; return the names.

    Two variants get two names. Images of a nested index get no name, and neither does an image
    without a tag that could get a suffix.
    """
    reference = image_parts.full_name(name)
    if reference is None or reference.tag is None or not root.media_type.is_index:
        return ()
    index = LocalDocuments(layout).document(root)
    assert isinstance(index, Index)  # its media type is that of an index
    images = [each for each in index.manifests if each.media_type.is_manifest]
    named, _ = arch_tags(reference, (each for each in images if layout.blobs.stat(each.digest)))
    namings = [
        Naming(name=str(each), descriptor=descriptor, source="pull", origin=name)
        for each, descriptor in named.items()
    ]
    with layout.staging() as stage:
        publish(layout, catalog, stage, [], namings)
    return tuple(named)
