"""OCI image layouts on disk (image-spec, image-layout.md): oci-layout, index.json and blobs."""

from cachedb.layout.image_layout import Layout
from cachedb.layout.index_json import IndexJson, Ref

__all__ = ["IndexJson", "Layout", "Ref"]
