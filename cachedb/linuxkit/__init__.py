"""API for code that used linuxkit's cache package: its concepts, with Python's names.

Everything here is thin over `cachedb.Cache`. `docs/reference/linuxkit.md` says for each symbol and
each flag of linuxkit what it is here, and where the two differ.
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
