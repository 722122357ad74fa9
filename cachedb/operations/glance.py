"""A glance: an answer for which nobody should have to wait until SQLAlchemy is imported.

It is to be had when there is nothing to do but to answer: when the catalog is in step with the
files, and no collection has left anything that the next command has to settle.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from cachedb.catalog import hot
from cachedb.catalog.database_file import CATALOG
from cachedb.catalog.questions import Question
from cachedb.errors import CatalogMismatch, StorageFailed
from cachedb.layout import Layout
from cachedb.operations.in_step import is_in_step

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cachedb.catalog.questions import Asking

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
        hot.reading(layout.private / CATALOG) as ask,
    ):
        if is_in_step(layout, ask) and not _has_work(layout, ask):
            return answer(ask)
    return None


def _has_work(layout: Layout, ask: Asking) -> bool:
    """Whether a collection was killed, or something that it has removed may be needed again."""
    with layout.trash() as trash:
        if trash.runs():
            return True
        removed = {digest for run in trash.finished() for digest in trash.blobs(run)}
    return bool(removed) and any(digest in removed for (digest,) in ask(Question.GONE))
