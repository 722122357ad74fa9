"""Names for the single platforms of an image: ``NAME-amd64``, as linuxkit's pull gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.oci.arch_tag import arch_tags
from cachedb.operations import image_parts
from cachedb.operations.image_parts import Documents
from cachedb.operations.publish import Naming, publish

if TYPE_CHECKING:
    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout
    from cachedb.oci import Descriptor, Reference


def name_platforms(
    layout: Layout, catalog: Catalog, name: str, root: Descriptor
) -> tuple[Reference, ...]:
    """Name every platform of an index that is here; an image for one platform gets no more names.

    Two variants get two names. An image by digest alone has no tag to which the platform could
    be added, and gets none.
    """
    reference = image_parts.full_name(name)
    if reference is None or reference.tag is None or not root.media_type.is_index:
        return ()
    parts = Documents(layout).parts(root)
    named, _ = arch_tags(reference, (p.descriptor for p in parts if p.is_here and p.may_be_image))
    namings = [
        Naming(name=str(each), descriptor=descriptor, source="pull", origin=name)
        for each, descriptor in named.items()
    ]
    with layout.stage() as stage:
        publish(layout, catalog, stage, [], namings)
    return tuple(named)
