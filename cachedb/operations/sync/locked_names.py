"""Lock of the names of a cache: of its layout, and of its catalog where that is in a server."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from cachedb.errors import CacheBusy, StorageFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout

_BRING_UP_TO_DATE = "cachedb ls brings the catalog up to date"


@contextmanager
def locking_names(layout: Layout, catalog: Catalog) -> Iterator[None]:
    """Hold linuxkit's `.lock`, then the lock of names in the server of the catalog.

    Not the other way round, although the server gives its lock in the order of asking: each host
    that waits for it has a connection of the server, of which a pooler has few.

    Raises:
        CacheBusy: Another process, or another host, holds one for too long.
        StorageFailed: The layout or the server is read-only, or the server cannot be reached; no
            file has been changed.
    """
    with layout.locking_names(), catalog.locking_names():
        yield


@contextmanager
def after_names() -> Iterator[None]:
    """State in an error of the catalog that the names had been written before.

    Files are the truth: what the block would have recorded is derived by the next command.

    Raises:
        CacheBusy: As the block does, with index.json in the message.
        StorageFailed: The same.
    """
    try:
        yield
    except CacheBusy as error:
        raise CacheBusy(
            f"index.json is written, and not the catalog: {error}", hint=_BRING_UP_TO_DATE
        ) from error
    except StorageFailed as error:
        raise StorageFailed(
            f"index.json is written, and not the catalog: {error}", hint=_BRING_UP_TO_DATE
        ) from error
