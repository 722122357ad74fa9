"""List: every ref with what people want to see of it at a glance."""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from typing import TYPE_CHECKING

from cachedb.catalog import codecs
from cachedb.catalog.enums import Kind
from cachedb.catalog.statement import many
from cachedb.catalog.statements import blobs, refs
from cachedb.oci.platform.model import Platform
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from cachedb.catalog.enums import State
    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statements.blobs import EntryRow, ManifestRow
    from cachedb.oci.digest import Digest


class Health(StrEnum):
    """Whether an image can be used as it is."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    """Some platforms were not pulled; those that were are whole."""
    BROKEN = "broken"
    """Something that it needs is missing or corrupt."""


class ManifestEntry(Record):
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


class Listing(Record):
    """One ref; `size` is the bytes on disk of all that it contains."""

    name: str | None
    digest: Digest
    kind: Kind
    media_type: str
    platforms: tuple[Platform, ...]
    size: int
    health: Health
    is_pinned: bool


def list_refs(connection: Connection, only: Sequence[int] | None = None) -> list[Listing]:
    """List the refs of these ids in their order, or all by name, with the nameless last."""
    if only is None:
        rows = connection.rows(refs.ALL)
        rows.sort(key=lambda row: (row.name is None, row.name or "", row.digest))
    else:
        places = {key: place for place, key in enumerate(only)}
        rows = connection.rows(refs.OF_IDS, ids=many(only))
        rows.sort(key=lambda row: places[row.id])
    targets = {row.blob_id for row in rows}
    sizes = {row.root: row.size for row in connection.each(blobs.SIZES, targets=many(targets))}
    broken = set(connection.values(blobs.BROKEN))
    partial = set(connection.values(blobs.PARTIAL))
    manifests = manifests_below(connection, targets)
    found = []
    for row in rows:
        entries = (entry for entry in manifests[row.blob_id] if entry.kind is Kind.MANIFEST)
        platforms = [entry.platform for entry in entries if entry.platform is not None]
        found.append(
            Listing(
                name=row.name,
                digest=codecs.digest(row.digest),
                kind=codecs.kind(row.kind),
                media_type=row.media_type,
                platforms=tuple(dict.fromkeys(p for p in platforms if not p.is_unknown)),
                size=sizes.get(row.blob_id, 0),
                health=_health(row.blob_id, broken, partial),
                is_pinned=bool(row.pinned),
            )
        )
    return found


def manifests_below(
    connection: Connection, targets: Collection[int]
) -> dict[int, list[ManifestEntry]]:
    """Return the manifests that each target is or lists, at any depth, in the order listed."""
    own = _own_entries(connection, targets)
    listed: dict[int, list[ManifestEntry]] = {}
    pending = {key for key, entry in own.items() if entry.kind is Kind.INDEX}
    while pending:
        children: dict[int, list[ManifestEntry]] = defaultdict(list)
        for row in connection.each(blobs.MANIFESTS, parents=many(pending)):
            children[row.parent_id].append(_entry(row.child_id, row, _declared(row)))
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


def _own_entries(connection: Connection, targets: Collection[int]) -> dict[int, ManifestEntry]:
    return {
        row.id: _entry(row.id, row, None)
        for row in connection.each(blobs.ENTRIES, targets=many(targets))
    }


def _entry(key: int, row: EntryRow | ManifestRow, declared: Platform | None) -> ManifestEntry:
    return ManifestEntry(
        blob_id=key,
        digest=codecs.digest(row.digest),
        kind=codecs.kind(row.kind),
        state=codecs.state(row.state),
        problem=row.problem,
        declared=declared,
        configured=_platform(
            row.configured_os,
            row.configured_architecture,
            row.configured_variant,
            row.configured_os_version,
        ),
    )


def _declared(row: ManifestRow) -> Platform | None:
    return _platform(
        row.declared_os,
        row.declared_architecture,
        row.declared_variant,
        row.declared_os_version,
    )


def _platform(
    os: str | None, architecture: str | None, variant: str | None, os_version: str | None
) -> Platform | None:
    if os is None:
        return None
    return Platform(
        os=os,
        architecture=architecture or "",
        variant=variant or "",
        os_version=os_version or "",
    )


def _health(target: int, broken: set[int], partial: set[int]) -> Health:
    if target in broken:
        return Health.BROKEN
    return Health.PARTIAL if target in partial else Health.COMPLETE
