"""List: every ref with what people want to see of it at a glance."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cachedb.catalog.enums import Kind, State
from cachedb.catalog.named_queries import Question, many
from cachedb.oci.digest import Digest
from cachedb.oci.platform.model import Platform

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from cachedb.catalog.named_queries import Asking


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


def list_refs(ask: Asking, only: Sequence[int] | None = None) -> list[Listing]:
    """List the refs of these ids in their order, or all by name, with the nameless last."""
    if only is None:
        refs = sorted(ask(Question.REFS), key=lambda row: (row[1] is None, row[1] or "", row[5]))
    else:
        places = {key: place for place, key in enumerate(only)}
        rows = ask(Question.REFS_OF_IDS, ids=many(only))
        refs = sorted(rows, key=lambda row: places[row[0]])
    targets = {blob_id for _, _, _, _, blob_id, *_ in refs}
    sizes = dict(ask(Question.SIZES, targets=many(targets)))
    broken = {key for (key,) in ask(Question.BROKEN)}
    partial = {key for (key,) in ask(Question.PARTIAL)}
    manifests = manifests_below(ask, targets)
    found = []
    for _, name, media_type, _, target, digest, kind, pinned in refs:
        entries = (entry for entry in manifests[target] if entry.kind is Kind.MANIFEST)
        platforms = [entry.platform for entry in entries if entry.platform is not None]
        found.append(
            Listing(
                name=name,
                digest=Digest.declared(digest),
                kind=Kind(kind),
                media_type=media_type,
                platforms=tuple(dict.fromkeys(p for p in platforms if not p.is_unknown)),
                size=sizes.get(target, 0),
                health=_health(target, broken, partial),
                is_pinned=bool(pinned),
            )
        )
    return found


def manifests_below(ask: Asking, targets: Collection[int]) -> dict[int, list[ManifestEntry]]:
    """Return the manifests that each target is or lists, at any depth, in the order listed."""
    own = _own_entries(ask, targets)
    listed: dict[int, list[ManifestEntry]] = {}
    pending = {key for key, entry in own.items() if entry.kind is Kind.INDEX}
    while pending:
        children: dict[int, list[ManifestEntry]] = defaultdict(list)
        for row in ask(Question.MANIFESTS, parents=many(pending)):
            declared, configured = _platform(row[6:10]), _platform(row[10:])
            entry = _entry(row[1:6], declared=declared, configured=configured)
            children[row[0]].append(entry)
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


def _own_entries(ask: Asking, targets: Collection[int]) -> dict[int, ManifestEntry]:
    rows = ask(Question.ENTRIES, targets=many(targets))
    return {row[0]: _entry(row[:5], declared=None, configured=_platform(row[5:])) for row in rows}


def _entry(
    row: Sequence[Any], *, declared: Platform | None, configured: Platform | None
) -> ManifestEntry:
    blob_id, digest, kind, state, problem = row
    return ManifestEntry(
        blob_id=blob_id,
        digest=Digest.declared(digest),
        kind=Kind(kind),
        state=State(state),
        problem=problem,
        declared=declared,
        configured=configured,
    )


def _platform(row: Sequence[Any]) -> Platform | None:
    os, architecture, variant, os_version = row
    if os is None:
        return None
    return Platform(os=os, architecture=architecture, variant=variant, os_version=os_version)


def _health(target: int, broken: set[int], partial: set[int]) -> Health:
    if target in broken:
        return Health.BROKEN
    return Health.PARTIAL if target in partial else Health.COMPLETE
