"""API for code that used linuxkit's cache package: its concepts under Python's names.

Every function is a thin layer over `cachedb.Cache`. `docs/reference/linuxkit.md` lists the
equivalent of each symbol and each flag of linuxkit, and the differences.
"""

from cachedb.linuxkit.content_store import ContentStore
from cachedb.linuxkit.provider import Provider, get, list_images
from cachedb.linuxkit.sources import ImageSource, IndexSource, ResolvableDescriptor

__all__ = [
    "ContentStore",
    "ImageSource",
    "IndexSource",
    "Provider",
    "ResolvableDescriptor",
    "get",
    "list_images",
]
