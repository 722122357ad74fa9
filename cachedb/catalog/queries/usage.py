"""Statements on disk usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from cachedb.catalog.queries import graph
from cachedb.catalog.queries.definition import defines, each_id
from cachedb.catalog.schema import blob, ref
from cachedb.catalog.statements import usage

if TYPE_CHECKING:
    from sqlalchemy import Select

_HAS_FILE = blob.c.state.in_(list(map(int, graph.ON_DISK)))


@defines(usage.ON_DISK)
def on_disk() -> Select[int]:
    """Select the bytes of all files."""
    return select(func.coalesce(func.sum(blob.c.size), 0)).where(_HAS_FILE)


@defines(usage.REFERENCED)
def referenced() -> Select[int]:
    """Select the bytes of what refs contain."""
    return graph.size_on_disk(graph.reachable("live"))


@defines(usage.CONTENT)
def content() -> Select[int]:
    """Select the bytes of what some blobs contain."""
    return graph.size_on_disk(graph.descendants(each_id("targets"), "measured"))


@defines(usage.FREED)
def freed() -> Select[int]:
    """Select the bytes that removing some refs frees."""
    return graph.size_on_disk(graph.exclusive(each_id("refs"), "freed"))


@defines(usage.EXCLUSIVE)
def exclusive() -> Select[int, int]:
    """Select the bytes that one target alone contains."""
    pairs = graph.content_of_each(select(ref.c.target_id).distinct())
    alone = (
        select(func.min(pairs.c.root).label("root"), pairs.c.id)
        .group_by(pairs.c.id)
        .having(func.count() == 1)
        .subquery("alone")
    )
    return (
        select(alone.c.root, func.sum(blob.c.size).label("size"))
        .join(blob, blob.c.id == alone.c.id)
        .where(_HAS_FILE)
        .group_by(alone.c.root)
    )
