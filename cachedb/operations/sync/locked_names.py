"""Lock of the names of a cache: of its layout, and of its catalog where that is in a server."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout


@contextmanager
def locking_names(layout: Layout, catalog: Catalog) -> Iterator[None]:
    """Hold linuxkit's `.lock`, then the lock of names in the server of the catalog.

    Raises:
        CacheBusy: Another process, or another host, holds one for too long.
        StorageFailed: The layout or the server is read-only, or the server cannot be reached; no
            file has been changed.
    """
    with layout.locking_names(), catalog.locking_names():
        yield
