"""Statements on disk usage, and on all refs and blobs for reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, case, cast, func, select, union

from cachedb.catalog.enums import Kind, Role, State
from cachedb.catalog.queries import graph
from cachedb.catalog.queries.definition import among_ids, defines, each_id
from cachedb.catalog.schema import blob, config, edge, link, platform, ref
from cachedb.catalog.statements import reports, usage

if TYPE_CHECKING:
    from sqlalchemy import CompoundSelect, Select

_HAS_FILE = blob.c.state.in_(list(map(int, graph.ON_DISK)))


@defines(usage.ON_DISK)
def on_disk() -> Select[int]:
    """Select the bytes of all files."""
    return select(func.coalesce(func.sum(blob.c.size), 0)).where(_HAS_FILE)


@defines(usage.REFERENCED)
def referenced() -> Select[int]:
    """Select the bytes of the content of refs."""
    return graph.size_on_disk(graph.reachable("live"))


@defines(usage.CONTENT)
def content() -> Select[int]:
    """Select the bytes of the content of some blobs."""
    return graph.size_on_disk(graph.descendants(each_id("targets"), "measured"))


@defines(usage.FREED)
def freed() -> Select[int]:
    """Select the bytes that removing some refs frees."""
    return graph.size_on_disk(graph.released(each_id("refs"), "freed"))


@defines(usage.FILES)
def files() -> Select[int, int]:
    """Select the sizes of all files."""
    return select(blob.c.id, case((_HAS_FILE, blob.c.size), else_=0).label("size"))


@defines(usage.CHILDREN)
def children() -> Select[int, str]:
    """Select the edges of all documents, a row for each document."""
    joined = func.aggregate_strings(cast(edge.c.child_id, Text), ",")
    return select(edge.c.parent_id, joined.label("children")).group_by(edge.c.parent_id)


@defines(usage.NAMES)
def names() -> Select[*tuple[Any, ...]]:
    """Select the names of all refs, with their targets."""
    return (
        select(
            ref.c.id.label("ref_id"),
            blob.c.id.label("blob_id"),
            ref.c.name,
            ref.c.registry,
            ref.c.repo,
            blob.c.digest,
        )
        .join(blob, blob.c.id == ref.c.target_id)
        .order_by(ref.c.position)
    )


@defines(usage.PLATFORMS)
def platforms() -> Select[*tuple[Any, ...]]:
    """Select all platforms."""
    columns = platform.c
    return select(
        columns.id, columns.os, columns.architecture, columns.variant, columns.os_version
    )


@defines(usage.LISTED)
def listed() -> Select[*tuple[Any, ...]]:
    """Select the manifests in all indexes."""
    return (
        select(
            link.c.parent_id,
            link.c.child_id,
            blob.c.state,
            link.c.platform_id.label("declared_id"),
            blob.c.platform_id.label("configured_id"),
        )
        .join(blob, blob.c.id == link.c.child_id)
        .where(link.c.role == int(Role.MANIFEST), blob.c.kind == int(Kind.MANIFEST))
        .order_by(link.c.parent_id, link.c.position)
    )


@defines(usage.MANIFESTS)
def manifests() -> Select[int, int | None]:
    """Select the platforms of all manifests."""
    return select(blob.c.id, blob.c.platform_id).where(
        blob.c.kind == int(Kind.MANIFEST), blob.c.platform_id.is_not(None)
    )


# -- of reports ---------------------------------------------------------------------------


@defines(reports.DETAILS)
def report_details() -> Select[*tuple[Any, ...]]:
    """Select the properties of refs."""
    return select(
        ref.c.id.label("ref_id"),
        ref.c.tag,
        blob.c.kind,
        ref.c.pinned,
        ref.c.source,
        ref.c.added,
        ref.c.pulled,
        ref.c.used,
    ).join(blob, blob.c.id == ref.c.target_id)


@defines(reports.MEDIA_TYPES)
def media_types() -> Select[*tuple[Any, ...]]:
    """Select the files by media type."""
    size = func.sum(blob.c.size)
    return (
        select(blob.c.kind, blob.c.media_type, func.count().label("blobs"), size.label("size"))
        .where(_HAS_FILE)
        .group_by(blob.c.kind, blob.c.media_type)
        .order_by(size.desc(), blob.c.media_type, blob.c.kind)
    )


@defines(reports.CREATED)
def created() -> Select[int, int | None]:
    """Select the creation times of images."""
    return (
        select(link.c.parent_id.label("id"), config.c.created)
        .join(config, config.c.blob_id == link.c.child_id)
        .where(link.c.role == int(Role.CONFIG), config.c.created.is_not(None))
    )


@defines(reports.MISMATCHES)
def mismatches() -> Select[*tuple[Any, ...]]:
    """Select the manifests with two platforms."""
    return (
        select(
            link.c.parent_id,
            link.c.platform_id.label("declared_id"),
            blob.c.platform_id.label("configured_id"),
        )
        .join(blob, blob.c.id == link.c.child_id)
        .where(
            blob.c.kind == int(Kind.MANIFEST),
            link.c.role == int(Role.MANIFEST),
            link.c.platform_id != blob.c.platform_id,
        )
    )


@defines(reports.FAULTY)
def faulty() -> CompoundSelect[int]:
    """Select the documents with a problem."""
    wrong = (
        select(link.c.parent_id.label("id"))
        .join(blob, blob.c.id == link.c.child_id)
        .where(blob.c.state == int(State.PRESENT), blob.c.size != link.c.size)
    )
    index = (
        select(ref.c.target_id.label("id"))
        .join(blob, blob.c.id == ref.c.target_id)
        .where(blob.c.state == int(State.PRESENT), blob.c.size != ref.c.size)
    )
    return union(select(blob.c.id).where(blob.c.problem.is_not(None)), wrong, index)


@defines(reports.LAYERS)
def report_layers() -> Select[int, str]:
    """Select the layers."""
    return (
        select(blob.c.id, blob.c.digest)
        .where(blob.c.kind == int(Kind.LAYER), _HAS_FILE)
        .order_by(blob.c.id)
    )


@defines(reports.BLOBS)
def report_blobs() -> Select[*tuple[Any, ...]]:
    """Select the digests and kinds of some blobs."""
    return select(blob.c.id, blob.c.digest, blob.c.kind).where(among_ids(blob.c.id, "ids"))
