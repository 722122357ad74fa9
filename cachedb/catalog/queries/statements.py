"""Statements that several operations share: functions that return a Select.

Sets of blobs are made in `graph`; here they are joined with what people ask for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from cachedb.catalog.enums import Kind, State
from cachedb.catalog.queries import graph
from cachedb.catalog.schema import blob, link, ref

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, Select


NEEDED_AND_NOT_THERE = (int(State.MISSING), int(State.CORRUPT))


def refs_with_targets() -> Select[int, str | None, int, str, int, str, str, int, int, int]:
    """Select every ref and what it points at, in the order of index.json."""
    return (
        select(
            ref.c.id,
            ref.c.name,
            ref.c.target_id,
            blob.c.digest,
            blob.c.kind,
            ref.c.media_type,
            ref.c.entry,
            ref.c.size,
            ref.c.pinned,
            blob.c.state,
        )
        .join(blob, blob.c.id == ref.c.target_id)
        .order_by(ref.c.position)
    )


def partial() -> Select[int]:
    """Select the ids of everything that contains a platform that was not pulled."""
    absent = select(blob.c.id).where(blob.c.state == int(State.ABSENT))
    return select(graph.ancestors(absent, "partial").c.id)


def exclusive_size_of_each(targets: Select[int]) -> Select[int, int]:
    """Select the bytes that only one of `targets`, which have to be all, contains."""
    pairs = graph.content_of_each(targets)
    alone = (
        select(func.min(pairs.c.root).label("root"), pairs.c.id)
        .group_by(pairs.c.id)
        .having(func.count() == 1)
        .subquery("alone")
    )
    return (
        select(alone.c.root, func.sum(blob.c.size))
        .join(blob, blob.c.id == alone.c.id)
        .where(blob.c.state.in_(list(map(int, graph.ON_DISK))))
        .group_by(alone.c.root)
    )


def unreadable_and_live(without: Collection[int] = ()) -> Select[str, str | None, int]:
    """Select the documents that cannot be read as a whole, and that a ref besides some reaches.

    One that a ref itself points at and that is not there counts as well: no hash protects
    index.json, and a digest in it that has been damaged leads nowhere, too.
    """
    live = graph.reachable("live", without)
    documents = (int(Kind.INDEX), int(Kind.MANIFEST), int(Kind.ATTESTATION))
    corrupt = (blob.c.state == int(State.CORRUPT)) & blob.c.kind.in_(documents)
    strange = blob.c.problem.is_not(None) & (blob.c.kind == int(Kind.OTHER))
    named = select(ref.c.id).where(
        ref.c.target_id == blob.c.id, ref.c.id.not_in(graph.listed(without))
    )
    nowhere = (blob.c.state == int(State.MISSING)) & named.exists()
    return (
        select(blob.c.digest, blob.c.problem, blob.c.state)
        .join(live, live.c.id == blob.c.id)
        .where(corrupt | strange | nowhere)
        .order_by(blob.c.digest)
    )


def misdeclared() -> Select[int, str, str, int, int]:
    """Select which documents declare which content with another size than its file has."""
    parent = blob.alias("parent")
    return (
        select(
            link.c.parent_id,
            parent.c.digest.label("parent_digest"),
            blob.c.digest,
            blob.c.size,
            link.c.size.label("declared"),
        )
        .join(blob, blob.c.id == link.c.child_id)
        .join(parent, parent.c.id == link.c.parent_id)
        .where(blob.c.state == int(State.PRESENT), blob.c.size != link.c.size)
        .order_by(link.c.parent_id, link.c.position)
    )


def misdeclared_refs() -> Select[int, str | None, str, int, int]:
    """Select the refs that index.json declares with another size than their file has."""
    return (
        select(
            ref.c.id,
            ref.c.name,
            blob.c.digest,
            blob.c.size,
            ref.c.size.label("declared"),
        )
        .join(blob, blob.c.id == ref.c.target_id)
        .where(blob.c.state == int(State.PRESENT), blob.c.size != ref.c.size)
        .order_by(ref.c.position)
    )


def unreachable_files(
    without: Collection[int] = (),
) -> Select[int, str, int, int, int | None]:
    """Select the blobs that have a file and that no ref keeps, but for those of these ids."""
    return (
        select(blob.c.id, blob.c.digest, blob.c.size, blob.c.kind, blob.c.touched)
        .where(
            blob.c.state.in_(list(map(int, graph.ON_DISK))),
            graph.outside(blob.c.id, graph.reachable("live", without)),
        )
        .order_by(blob.c.digest)
    )


def values_between(
    column: ColumnElement[Any], key: ColumnElement[Any] | None = None
) -> Select[Any]:
    """Select the values of a column from `low` up to `high`; `completions` has the texts."""
    found = (
        select(column)
        .distinct()
        .where(column >= bindparam("low"), column < bindparam("high"))
        .order_by(column)
        .limit(bindparam("most"))
        .offset(0)
    )
    return found if key is None else found.where(key == bindparam("key"))


def size_of_each(targets: Select[int]) -> Select[int, int]:
    """Select the bytes on disk that each of `targets` contains, shared ones counted for each."""
    pairs = graph.content_of_each(targets)
    return (
        select(pairs.c.root, func.sum(blob.c.size))
        .join(blob, blob.c.id == pairs.c.id)
        .where(blob.c.state.in_(list(map(int, graph.ON_DISK))))
        .group_by(pairs.c.root)
    )
