"""A glance: an answer for which nobody should have to wait until SQLAlchemy is imported.

It is to be had when there is nothing to settle first, which nearly always is so.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from cachedb.catalog import executor
from cachedb.catalog.database_file import CATALOG
from cachedb.errors import CatalogMismatch, StorageFailed
from cachedb.layout import Layout
from cachedb.operations.sync.freshness import is_settled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cachedb.catalog.named_queries import Asking

_T = TypeVar("_T")


def glance(root: Path, answer: Callable[[Asking], _T]) -> _T | None:
    """Return what `answer` makes of the catalog; None if the cache has to be opened for that.

    Raises:
        CacheNotFound: There is no such directory.
        NotALayout: It is not an OCI image layout.
    """
    with (
        Layout.open(root) as layout,
        suppress(CatalogMismatch, StorageFailed),
        executor.reading(layout.private / CATALOG) as ask,
    ):
        if is_settled(layout, ask):
            return answer(ask)
    return None
