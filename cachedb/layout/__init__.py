"""OCI image layouts on disk (image-spec, image-layout.md): oci-layout, index.json and blobs."""

from cachedb.layout.image_layout import Layout

__all__ = ["Layout"]
