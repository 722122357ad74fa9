"""Statements of garbage collection and retention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, func, select

from cachedb.catalog.enums import DOCUMENTS, Kind, Role, State
from cachedb.catalog.queries import graph
from cachedb.catalog.queries.definition import among_texts, defines, each_id, not_among_ids
from cachedb.catalog.schema import blob, config, link, ref
from cachedb.catalog.statements import garbage

if TYPE_CHECKING:
    from sqlalchemy import CTE, ColumnElement, Select

_HAS_FILE = blob.c.state.in_(list(map(int, graph.ON_DISK)))


@defines(garbage.UNREACHABLE)
def unreachable() -> Select[*tuple[Any, ...]]:
    """Select the blobs with a file that refs do not reach."""
    return (
        select(blob.c.id, blob.c.digest, blob.c.size, blob.c.kind, blob.c.touched)
        .where(_HAS_FILE, graph.outside(blob.c.id, _live()))
        .order_by(blob.c.digest)
    )


@defines(garbage.UNREADABLE)
def unreadable() -> Select[*tuple[Any, ...]]:
    """Select the documents that refs reach and that cannot be read."""
    live = _live()
    is_document = blob.c.kind.in_(sorted(map(int, DOCUMENTS)))
    corrupt = (blob.c.state == int(State.CORRUPT)) & is_document
    strange = blob.c.problem.is_not(None) & (blob.c.kind == int(Kind.OTHER))
    named = select(ref.c.id).where(
        ref.c.target_id == blob.c.id, not_among_ids(ref.c.id, "without")
    )
    nowhere = (blob.c.state == int(State.MISSING)) & named.exists()
    return (
        select(blob.c.digest, blob.c.problem, blob.c.state)
        # Asked for each such blob, so that nothing is walked if there is none; by id, in whose
        # order the rows are stored.
        .where(
            corrupt | strange | nowhere,
            exists(select(1).where(live.c.id == blob.c.id).select_from(live)),
        )
        .order_by(blob.c.id)
    )


@defines(garbage.REACHABLE)
def reachable() -> Select[str]:
    """Select the blobs that refs reach."""
    live = _live()
    return select(blob.c.digest).where(blob.c.id.in_(select(live.c.id)))


@defines(garbage.DOCUMENTS)
def documents() -> Select[str, int, int | None]:
    """Select the documents with a file."""
    is_document = blob.c.kind.in_(sorted(map(int, DOCUMENTS)))
    return select(blob.c.digest, blob.c.size, blob.c.touched).where(is_document, _HAS_FILE)


@defines(garbage.KEPT)
def kept() -> Select[*tuple[Any, ...]]:
    """Select the blobs that refs reach, with a name."""
    return _kept(select(ref.c.id))


@defines(garbage.KEPT_BESIDES)
def kept_besides() -> Select[*tuple[Any, ...]]:
    """Select the blobs that both some refs and other refs reach, with a name of the latter."""
    chosen = graph.materialized(each_id("refs"), "chosen")
    content = graph.descendants(graph.targets(chosen), "chosen_content")
    # Only refs that share content can reach it: a walk from all others is ten times slower.
    sharing = graph.ancestors(content, "sharing")
    others = select(ref.c.id).where(
        ref.c.target_id.in_(select(sharing.c.id)), graph.outside(ref.c.id, chosen)
    )
    return _kept(others, blob.c.id.in_(select(content.c.id)))


@defines(garbage.EXCLUSIVE)
def exclusive() -> Select[str]:
    """Select the blobs that only some refs keep."""
    # For all refs at once: content that only these refs share is exclusive too.
    released = graph.released(each_id("refs"), "released")
    return select(blob.c.digest).where(blob.c.id.in_(select(released.c.id)))


@defines(garbage.LEASED)
def leased() -> Select[int, str]:
    """Select some blobs with their content."""
    seed = select(blob.c.id).where(among_texts(blob.c.digest, "digests"))
    content = graph.descendants(seed, "leased")
    return select(blob.c.id, blob.c.digest).where(blob.c.id.in_(select(content.c.id)))


@defines(garbage.RETAINED)
def retained() -> Select[*tuple[Any, ...]]:
    """Select all refs with their times."""
    columns = (ref.c[name] for name in garbage.RetainedRef._fields)
    return select(*columns).order_by(ref.c.position)


@defines(garbage.ARTIFACTS)
def artifacts() -> Select[int, int]:
    """Select all artifacts with their subjects."""
    return select(
        link.c.parent_id.label("artifact_id"), link.c.child_id.label("subject_id")
    ).where(link.c.role == int(Role.SUBJECT))


@defines(garbage.CREATED)
def created() -> Select[int, int | None]:
    """Select the creation times of images in their configs."""
    return select(config.c.blob_id, config.c.created).where(config.c.created.is_not(None))


def _live() -> CTE:
    return graph.reachable("live", without="without")


def _kept(refs: Select[int], *conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    keeping = refs.cte("keeping")
    targets = select(ref.c.target_id).where(ref.c.id.in_(select(keeping.c.id))).distinct()
    pairs = graph.content_of_each(targets)
    first = (
        select(pairs.c.id, func.min(ref.c.position).label("position"))
        .join(ref, ref.c.target_id == pairs.c.root)
        .where(ref.c.id.in_(select(keeping.c.id)))
        .group_by(pairs.c.id)
        .subquery("first")
    )
    return (
        select(blob.c.digest, blob.c.size, blob.c.kind, ref.c.name)
        .join(first, first.c.id == blob.c.id)
        .join(ref, ref.c.position == first.c.position)
        .where(_HAS_FILE, *conditions)
        .order_by(blob.c.digest)
    )
