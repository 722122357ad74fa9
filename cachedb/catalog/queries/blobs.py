"""Statements that select blobs: their content, their state, the manifests of indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from cachedb.catalog.enums import DOCUMENTS, Role, State
from cachedb.catalog.queries import graph
from cachedb.catalog.queries.definition import among_ids, among_texts, defines, each_id
from cachedb.catalog.schema import blob, link, platform, repository_blob
from cachedb.catalog.statements import blobs

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause, Select

_IS_DOCUMENT = blob.c.kind.in_(sorted(map(int, DOCUMENTS)))


def has_state(*states: State) -> ColumnElement[bool]:
    """Compare with states other than PRESENT, by the partial index of those states."""
    return (blob.c.state != int(State.PRESENT)) & blob.c.state.in_(list(map(int, states)))


@defines(blobs.OF_DIGESTS)
def of_digests() -> Select[*tuple[Any, ...]]:
    """Select the blobs of a range of digests."""
    return _roots().where(
        blob.c.digest.between(bindparam("low"), bindparam("high")),
        blob.c.state != int(State.FOREIGN),
    )


@defines(blobs.ID)
def id_of() -> Select[int]:
    """Select the id of a digest."""
    return select(blob.c.id).where(blob.c.digest == bindparam("digest"))


@defines(blobs.NODES)
def nodes() -> Select[*tuple[Any, ...]]:
    """Select the blobs of some ids."""
    return select(
        blob.c.id,
        blob.c.digest,
        blob.c.kind,
        blob.c.state,
        blob.c.size,
        blob.c.platform_id,
    ).where(among_ids(blob.c.id, "ids"))


@defines(blobs.DOCUMENT)
def document() -> Select[*tuple[Any, ...]]:
    """Select a document."""
    return _roots().where(
        blob.c.digest == bindparam("digest"),
        blob.c.state == int(State.PRESENT),
        _IS_DOCUMENT,
        blob.c.problem.is_(None),
    )


@defines(blobs.PLATFORMS)
def platforms() -> Select[*tuple[Any, ...]]:
    """Select the platforms of some ids."""
    return select(
        platform.c.id,
        platform.c.os,
        platform.c.architecture,
        platform.c.variant,
        platform.c.os_version,
    ).where(among_ids(platform.c.id, "ids"))


@defines(blobs.DOCUMENTS_BELOW)
def documents_below() -> Select[int, str]:
    """Select the documents that a blob contains."""
    seed = select(blob.c.id).where(blob.c.id == bindparam("blob_id"))
    content = graph.descendants(seed, "content")
    return (
        select(blob.c.id, blob.c.digest)
        .join(content, content.c.id == blob.c.id)
        .where(_IS_DOCUMENT)
        .order_by(blob.c.digest)
    )


@defines(blobs.AMONG)
def among() -> Select[*tuple[Any, ...]]:
    """Select the blobs of some digests."""
    return _roots().where(among_texts(blob.c.digest, "digests"))


@defines(blobs.REFERENCED)
def referenced() -> Select[*tuple[Any, ...]]:
    """Select the content of refs."""
    live = graph.reachable("live")
    return _content().where(blob.c.id.in_(select(live.c.id))).order_by(blob.c.digest)


@defines(blobs.CORRUPT)
def corrupt() -> Select[*tuple[Any, ...]]:
    """Select the corrupt blobs."""
    return _content().where(has_state(State.CORRUPT))


@defines(blobs.SEEN_IN)
def seen_in() -> Select[str]:
    """Select the repositories where a blob was seen."""
    return (
        select(repository_blob.c.repository)
        .where(repository_blob.c.blob_id == bindparam("blob_id"))
        .order_by(repository_blob.c.seen.desc())
    )


@defines(blobs.WITHOUT_FILE)
def without_file() -> Select[str]:
    """Select the digests of missing and absent blobs."""
    return select(blob.c.digest).where(has_state(State.MISSING, State.ABSENT))


@defines(blobs.REACHABLE_WITHOUT_FILE)
def reachable_without_file() -> Select[str]:
    """Select the digests that refs reach and that have no file."""
    live = graph.reachable("live")
    states = (int(State.MISSING), int(State.ABSENT))
    return select(blob.c.digest).where(blob.c.id.in_(select(live.c.id)), blob.c.state.in_(states))


@defines(blobs.SUBJECTS_OF_REFS)
def subjects_of_refs() -> Select[int]:
    """Select the subjects of all that refs reach, with what these contain or refer to."""
    live = graph.reachable("live", without="without")
    subjects = select(link.c.child_id.label("id")).where(
        link.c.role == int(Role.SUBJECT), link.c.parent_id.in_(select(live.c.id))
    )
    return select(graph.with_subjects(subjects, "subjects").c.id)


@defines(blobs.SIZES)
def sizes() -> Select[int, int]:
    """Select the bytes on disk of the content of each target."""
    pairs = graph.content_of_each(each_id("targets"))
    return (
        select(pairs.c.root, func.sum(blob.c.size).label("size"))
        .join(blob, blob.c.id == pairs.c.id)
        .where(blob.c.state.in_(list(map(int, graph.ON_DISK))))
        .group_by(pairs.c.root)
    )


@defines(blobs.BROKEN)
def broken() -> Select[int]:
    """Select the blobs that contain a missing or corrupt one."""
    seed = select(blob.c.id).where(has_state(State.MISSING, State.CORRUPT))
    return select(graph.ancestors(seed, "broken").c.id)


@defines(blobs.PARTIAL)
def partial() -> Select[int]:
    """Select the blobs that contain a platform that was not pulled."""
    absent = select(blob.c.id).where(has_state(State.ABSENT))
    return select(graph.ancestors(absent, "partial").c.id)


@defines(blobs.ENTRIES)
def entries() -> Select[*tuple[Any, ...]]:
    """Select kind, media type and platform of each target."""
    configured = platform.alias("configured")
    return (
        select(
            blob.c.id,
            blob.c.digest,
            blob.c.kind,
            blob.c.state,
            blob.c.problem,
            *_columns(configured, "configured"),
        )
        .outerjoin(configured, configured.c.id == blob.c.platform_id)
        .where(among_ids(blob.c.id, "targets"))
    )


@defines(blobs.MEMBERS)
def members() -> Select[*tuple[Any, ...]]:
    """Select what indexes list, with the ids of platforms."""
    return (
        select(
            link.c.parent_id,
            link.c.child_id.label("blob_id"),
            blob.c.kind,
            func.coalesce(link.c.platform_id, blob.c.platform_id).label("platform_id"),
        )
        .join(blob, blob.c.id == link.c.child_id)
        .where(link.c.parent_id.in_(each_id("parents")), link.c.role == int(Role.MANIFEST))
        .order_by(link.c.parent_id, link.c.position)
    )


@defines(blobs.MANIFESTS)
def manifests() -> Select[*tuple[Any, ...]]:
    """Select the manifests that indexes list."""
    declared, configured = platform.alias("declared"), platform.alias("configured")
    return (
        select(
            link.c.parent_id,
            link.c.child_id,
            blob.c.digest,
            blob.c.kind,
            blob.c.state,
            blob.c.problem,
            *_columns(declared, "declared"),
            *_columns(configured, "configured"),
        )
        .join(blob, blob.c.id == link.c.child_id)
        .outerjoin(declared, declared.c.id == link.c.platform_id)
        .outerjoin(configured, configured.c.id == blob.c.platform_id)
        .where(among_ids(link.c.parent_id, "parents"), link.c.role == int(Role.MANIFEST))
        .order_by(link.c.parent_id, link.c.position)
    )


def _roots() -> Select[*tuple[Any, ...]]:
    return select(blob.c.id, blob.c.digest, blob.c.media_type, blob.c.size, blob.c.kind).order_by(
        blob.c.digest
    )


def _content() -> Select[*tuple[Any, ...]]:
    return select(blob.c.digest, blob.c.kind, blob.c.state, blob.c.problem)


def _columns(table: FromClause, prefix: str) -> list[ColumnElement[str]]:
    return [
        table.c[name].label(f"{prefix}_{name}")
        for name in ("os", "architecture", "variant", "os_version")
    ]
