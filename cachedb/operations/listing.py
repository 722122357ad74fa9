"""List: every ref with what people want to see of it at a glance."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from cachedb.catalog import statements
from cachedb.catalog.codes import Kind, State
from cachedb.catalog.ingest import chunks
from cachedb.catalog.schema import blob, platform, ref
from cachedb.oci.digest import Digest
from cachedb.oci.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy import Connection


class Health(StrEnum):
    """Whether an image can be used as it is."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    """Some platforms were not pulled; those that were are whole."""
    BROKEN = "broken"
    """Something that it needs is missing or corrupt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestEntry:
    """A manifest that an image leads to, with what its descriptor and its config say."""

    blob_id: int
    digest: Digest
    kind: Kind
    state: State
    problem: str | None
    declared: Platform | None
    configured: Platform | None

    @property
    def platform(self) -> Platform | None:
        """The platform that the index gives it, or else its config."""
        return self.declared or self.configured


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One ref; `size` is the bytes on disk of all that it contains."""

    name: str | None
    digest: Digest
    kind: Kind
    media_type: str
    platforms: tuple[Platform, ...]
    size: int
    health: Health
    is_pinned: bool


def list_refs(connection: Connection, only: Collection[int] | None = None) -> list[Listing]:
    """List the refs of these ids, or all, by name; those without a name come last."""
    rows: list[Any] = [
        row
        for row in connection.execute(statements.refs_with_targets())
        if only is None or row.id in only
    ]
    targets = {row.target_id for row in rows}
    sizes = _sizes(connection, None if only is None else targets)
    broken = set(connection.scalars(statements.broken()))
    partial = set(connection.scalars(statements.partial()))
    manifests = manifests_below(connection, targets)
    found = []
    for row in rows:
        entries = (entry for entry in manifests[row.target_id] if entry.kind is Kind.MANIFEST)
        platforms = [entry.platform for entry in entries if entry.platform is not None]
        found.append(
            Listing(
                name=row.name,
                digest=Digest.declared(row.digest),
                kind=Kind(row.kind),
                media_type=row.media_type,
                platforms=tuple(dict.fromkeys(p for p in platforms if not p.is_unknown)),
                size=sizes.get(row.target_id, 0),
                health=_health(row.target_id, broken, partial),
                is_pinned=bool(row.pinned),
            )
        )
    return sorted(
        found, key=lambda listing: (listing.name is None, listing.name or "", listing.digest)
    )


def manifests_below(
    connection: Connection, targets: Iterable[int]
) -> dict[int, list[ManifestEntry]]:
    """Return the manifests that each target is or lists, at any depth, in the order listed."""
    own = _own_entries(connection, targets)
    listed: dict[int, list[ManifestEntry]] = {}
    pending = {key for key, entry in own.items() if entry.kind is Kind.INDEX}
    while pending:
        children: dict[int, list[ManifestEntry]] = defaultdict(list)
        for batch in chunks(sorted(pending)):
            for row in connection.execute(statements.manifests_of(batch)):
                children[row.parent_id].append(_entry(row))
        listed |= {key: children.get(key, []) for key in pending}
        below = {e.blob_id for found in children.values() for e in found if e.kind is Kind.INDEX}
        pending = below - listed.keys()
    return {key: list(_leaves(entry, listed)) for key, entry in own.items()}


def _leaves(
    root: ManifestEntry, listed: dict[int, list[ManifestEntry]]
) -> Iterable[ManifestEntry]:
    """Yield what is not an index, depth first; an index that contains itself is entered once."""
    seen = {root.blob_id}
    stack = [root]
    while stack:
        entry = stack.pop()
        if entry.kind is not Kind.INDEX or (
            entry.blob_id != root.blob_id and not listed.get(entry.blob_id)
        ):
            yield entry
            continue
        below = listed.get(entry.blob_id, [])
        fresh = [e for e in below if e.kind is not Kind.INDEX or e.blob_id not in seen]
        seen.update(e.blob_id for e in fresh)
        stack.extend(reversed(fresh))


def _own_entries(connection: Connection, targets: Iterable[int]) -> dict[int, ManifestEntry]:
    found: dict[int, ManifestEntry] = {}
    names = (platform.c.os, platform.c.architecture, platform.c.variant, platform.c.os_version)
    for batch in chunks(sorted(set(targets))):
        rows = connection.execute(
            select(blob.c.id, blob.c.digest, blob.c.kind, blob.c.state, blob.c.problem, *names)
            .outerjoin(platform, platform.c.id == blob.c.platform_id)
            .where(blob.c.id.in_(batch))
        )
        for row in rows:
            configured = (
                None
                if row.os is None
                else Platform(
                    os=row.os,
                    architecture=row.architecture,
                    variant=row.variant,
                    os_version=row.os_version,
                )
            )
            found[row.id] = ManifestEntry(
                blob_id=row.id,
                digest=Digest.declared(row.digest),
                kind=Kind(row.kind),
                state=State(row.state),
                problem=row.problem,
                declared=None,
                configured=configured,
            )
    return found


def _entry(row: Any) -> ManifestEntry:
    return ManifestEntry(
        blob_id=row.child_id,
        digest=Digest.declared(row.digest),
        kind=Kind(row.kind),
        state=State(row.state),
        problem=row.problem,
        declared=statements.platform_of(row, "declared"),
        configured=statements.platform_of(row, "configured"),
    )


def _sizes(connection: Connection, targets: Collection[int] | None) -> dict[int, int]:
    if targets is None:
        every = statements.size_of_each(select(ref.c.target_id).distinct())
        return dict(connection.execute(every).all())
    found: dict[int, int] = {}
    for batch in chunks(sorted(targets)):
        some = statements.size_of_each(select(blob.c.id).where(blob.c.id.in_(batch)))
        found.update(connection.execute(some).all())
    return found


def _health(target: int, broken: set[int], partial: set[int]) -> Health:
    if target in broken:
        return Health.BROKEN
    return Health.PARTIAL if target in partial else Health.COMPLETE
