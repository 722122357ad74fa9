"""OCI image layouts on disk: oci-layout, index.json and blobs; files, and no SQL."""

from cachedb.layout.image_layout import Layout
from cachedb.layout.index_json import IndexJson, Ref

__all__ = ["IndexJson", "Layout", "Ref"]
