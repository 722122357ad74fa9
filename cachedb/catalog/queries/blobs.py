"""Statements that select blobs: what they contain, their state, what indexes list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from cachedb.catalog.enums import Role, State
from cachedb.catalog.queries import graph
from cachedb.catalog.queries.definition import defines, each_id
from cachedb.catalog.schema import blob, link, platform
from cachedb.catalog.statements import blobs

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause, Select

_NEEDED_WITHOUT_CONTENT = (int(State.MISSING), int(State.CORRUPT))


@defines(blobs.OF_DIGESTS)
def of_digests() -> Select[*tuple[Any, ...]]:
    """Select the blobs of a range of digests."""
    return (
        select(blob.c.id, blob.c.digest, blob.c.media_type, blob.c.size, blob.c.kind)
        .where(
            blob.c.digest.between(bindparam("low"), bindparam("high")),
            blob.c.state != int(State.FOREIGN),
        )
        .order_by(blob.c.digest)
    )


@defines(blobs.WITHOUT_FILE)
def without_file() -> Select[str]:
    """Select the digests of missing and absent blobs."""
    states = (int(State.MISSING), int(State.ABSENT))
    return select(blob.c.digest).where(blob.c.state.in_(states))


@defines(blobs.REACHABLE_WITHOUT_FILE)
def reachable_without_file() -> Select[str]:
    """Select the digests that refs reach and that have no file."""
    live = graph.reachable("live")
    states = (int(State.MISSING), int(State.ABSENT))
    return select(blob.c.digest).where(blob.c.id.in_(select(live.c.id)), blob.c.state.in_(states))


@defines(blobs.SIZES)
def sizes() -> Select[int, int]:
    """Select the bytes on disk of all that each target contains."""
    pairs = graph.content_of_each(each_id("targets"))
    return (
        select(pairs.c.root, func.sum(blob.c.size).label("size"))
        .join(blob, blob.c.id == pairs.c.id)
        .where(blob.c.state.in_(list(map(int, graph.ON_DISK))))
        .group_by(pairs.c.root)
    )


@defines(blobs.BROKEN)
def broken() -> Select[int]:
    """Select what contains a missing or corrupt blob."""
    seed = select(blob.c.id).where(blob.c.state.in_(_NEEDED_WITHOUT_CONTENT))
    return select(graph.ancestors(seed, "broken").c.id)


@defines(blobs.PARTIAL)
def partial() -> Select[int]:
    """Select what contains a platform that was not pulled."""
    absent = select(blob.c.id).where(blob.c.state == int(State.ABSENT))
    return select(graph.ancestors(absent, "partial").c.id)


@defines(blobs.ENTRIES)
def entries() -> Select[*tuple[Any, ...]]:
    """Select what each target is."""
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
        .where(blob.c.id.in_(each_id("targets")))
    )


@defines(blobs.MANIFESTS)
def manifests() -> Select[*tuple[Any, ...]]:
    """Select what indexes list."""
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
        .where(link.c.parent_id.in_(each_id("parents")), link.c.role == int(Role.MANIFEST))
        .order_by(link.c.parent_id, link.c.position)
    )


def _columns(table: FromClause, prefix: str) -> list[ColumnElement[str]]:
    return [
        table.c[name].label(f"{prefix}_{name}")
        for name in ("os", "architecture", "variant", "os_version")
    ]
