"""Times of last use and last pull of images, for retention by age."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from cachedb.catalog.statement import many
from cachedb.catalog.statements import user_state
from cachedb.errors import CacheError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachedb.catalog.connect import Catalog


def record_use(
    catalog: Catalog, *, names: Iterable[str] = (), digests: Iterable[str] = ()
) -> None:
    """Record that images were used now: exported, pushed, copied, or their SBOMs read.

    One write transaction for all of them; none, and no error, where the catalog cannot be
    written: a use is no reason to fail.
    """
    with suppress(CacheError), catalog.writing() as connection:
        connection.write(
            user_state.RECORD_USE, names=many(names), digests=many(digests), now=_now()
        )


def record_pull(catalog: Catalog, names: Iterable[str]) -> None:
    """Record that names were pulled now, whether or not anything arrived."""
    with suppress(CacheError), catalog.writing() as connection:
        connection.write(user_state.RECORD_PULL, names=many(names), now=_now())


def _now() -> int:
    return time.time_ns() // 1000
