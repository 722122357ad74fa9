"""Batches: lists short enough for one statement of many variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_T = TypeVar("_T")

# SQLite stops at 32 766 variables; a few hundred are as fast as any more.
_LONGEST = 500


def chunks(items: Iterable[_T]) -> Iterator[list[_T]]:
    """Cut `items` into lists short enough for one statement."""
    batch: list[_T] = []
    for item in items:
        batch.append(item)
        if len(batch) == _LONGEST:
            yield batch
            batch = []
    if batch:
        yield batch
