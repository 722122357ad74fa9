"""Listing of images: names, digests, platforms, sizes and states."""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, TypeVar

from cachedb.catalog import codecs
from cachedb.catalog.enums import Kind
from cachedb.catalog.statement import many
from cachedb.catalog.statements import blobs, refs, usage
from cachedb.oci.platform.model import Platform
from cachedb.operations.read import resolve
from cachedb.records import NamedTuple, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.enums import State
    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statements.blobs import EntryRow, ManifestRow
    from cachedb.oci.digest import Digest
    from cachedb.operations.read.resolve import ResolvedImage, Root


_AT_ONCE = 2_000


class Health(StrEnum):
    """Whether an image can be used as it is."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    """Some platforms were not pulled; the others are complete."""
    BROKEN = "broken"
    """A required blob is missing or corrupt."""


class ManifestEntry(NamedTuple):
    """A manifest of an image, with the platforms of its descriptor and its config."""

    blob_id: int
    """Id of the manifest in the catalog."""
    digest: Digest
    kind: Kind
    state: State
    problem: str | None
    """Fault of the manifest, as text for users; None without one."""
    declared: Platform | None
    """Platform of the descriptor; None without one."""
    configured: Platform | None
    """Platform of the config; None without one."""

    @property
    def platform(self) -> Platform | None:
        """The platform that the index gives it, or else its config."""
        return self.declared or self.configured


class Listing(Record):
    """One image; `size` is the bytes on disk of its content.

    `digests` are several if it is one manifest a platform under one name.
    """

    name: str | None
    digests: tuple[Digest, ...]
    kind: Kind
    media_type: str
    """Media type of its document."""
    platforms: tuple[Platform, ...]
    size: int
    health: Health
    is_pinned: bool
    """Whether one of its entries is pinned."""

    @property
    def digest(self) -> Digest | None:
        """The digest of its only document; None if it has one a platform."""
        return self.digests[0] if len(self.digests) == 1 else None


def list_images(connection: Connection, only: Sequence[int] | None = None) -> list[Listing]:
    """List the images of refs of these ids in their order, or all by name, the nameless last.

    An image of one manifest a platform is listed once, with all of its platforms, also if only
    some of its refs are among these.
    """
    roots = (
        _by_name(resolve.every(connection))
        if only is None
        else resolve.completed(connection, only)
    )
    return _listings(connection, roots, _Faults.of(connection))


def iter_images(catalog: Catalog) -> Iterator[Listing]:
    """Yield the images that `list_images` returns, a batch at a time.

    Each batch is read in a transaction of its own, so that a slow consumer keeps none open: an
    image that is removed meanwhile may be left out. Memory holds a batch, and the ids of the refs.
    """
    with catalog.reading() as connection:
        batches = list(_batches(connection))
        faults = _Faults.of(connection)
    for batch in batches:
        with catalog.reading() as connection:
            listed = _listings(connection, _by_name(resolve.of_refs(connection, batch)), faults)
        yield from listed


def _batches(connection: Connection) -> Iterator[Sequence[int]]:
    """Yield the ids of all refs by name; those of one name are in one batch."""
    batch: list[int] = []
    before = None
    for key, name in connection.each(refs.BY_NAME):
        if len(batch) >= _AT_ONCE and (name is None or name != before):
            yield _packed(batch)
            batch = []
        batch.append(key)
        before = name
    if batch:
        yield batch


def _packed(ids: list[int]) -> Sequence[int]:
    """Store ids in 8 bytes each; a cache of one batch imports no extension module for them."""
    from array import array  # noqa: PLC0415

    return array("q", ids)


class _Faults(NamedTuple):
    """The ids of blobs that contain a missing or corrupt one, or a platform not pulled."""

    broken: set[int]
    partial: set[int]

    @classmethod
    def of(cls, connection: Connection) -> _Faults:
        return cls(set(connection.values(blobs.BROKEN)), set(connection.values(blobs.PARTIAL)))


def _listings(connection: Connection, roots: Sequence[Root], faults: _Faults) -> list[Listing]:
    images = resolve.images_of(connection, roots)
    targets = {root.blob_id for root in roots}
    sizes = {row.root: row.size for row in connection.each(blobs.SIZES, targets=many(targets))}
    members = _below(connection, _own_members(connection, roots), _member)
    shown = _ShownPlatforms()
    found = []
    for image in images:
        platforms = [
            member.platform
            for root in image.roots
            for member in members[root.blob_id]
            if member.kind is Kind.MANIFEST and member.platform is not None
        ]
        first = image.roots[0]
        found.append(
            Listing(
                name=image.name,
                digests=tuple(root.digest for root in image.roots),
                kind=first.kind,
                media_type=first.media_type,
                platforms=shown.of(platforms),
                size=_size(connection, image, sizes),
                health=_health({root.blob_id for root in image.roots}, *faults),
                is_pinned=any(root.is_pinned for root in image.entries),
            )
        )
    return found


def list_digests(connection: Connection) -> list[Digest]:
    """List the digests of the images of all refs, in the order of `list_images`.

    Costs one statement; those about sizes, platforms and states are left out.
    """
    images = resolve.images_of(connection, _by_name(resolve.every(connection)))
    return [root.digest for image in images for root in image.roots]


def _by_name(roots: Iterable[Root]) -> list[Root]:
    """Sort refs by name, the nameless last."""
    return sorted(roots, key=lambda root: (root.name is None, root.name or "", root.digest))


def _size(connection: Connection, image: ResolvedImage, sizes: Mapping[int, int]) -> int:
    """Return the bytes of an image; blobs that its documents share count once."""
    targets = [root.blob_id for root in image.roots]
    if len(targets) == 1:
        return sizes.get(targets[0], 0)
    return connection.value(usage.CONTENT, targets=many(targets)) or 0


def manifests_below(
    connection: Connection, roots: Sequence[Root]
) -> dict[int, list[ManifestEntry]]:
    """Return the manifests that each root is or lists, at any depth, in the order listed.

    The keys are the ids of the blobs of the roots.
    """
    return _below(
        connection,
        _own_entries(connection, roots),
        lambda row: _entry(row.child_id, row, _declared(row)),
    )


class _Node(Protocol):
    @property
    def blob_id(self) -> int: ...
    @property
    def kind(self) -> Kind: ...


_N = TypeVar("_N", bound=_Node)


class _Member(NamedTuple):
    """A document below an image, with the platform that a listing shows."""

    blob_id: int
    kind: Kind
    platform: Platform | None


class _ShownPlatforms:
    """The known platforms of images, each once; one tuple for all images that have the same."""

    def __init__(self) -> None:
        # By identity, because the hash of a platform is slow; the values keep the keys alive.
        self._known: dict[tuple[int, ...], tuple[list[Platform], tuple[Platform, ...]]] = {}

    def of(self, platforms: list[Platform]) -> tuple[Platform, ...]:
        """Return the platforms to show, in their order."""
        key = tuple(map(id, platforms))
        found = self._known.get(key)
        if found is None:
            shown = tuple(dict.fromkeys(each for each in platforms if not each.is_unknown))
            found = self._known[key] = platforms, shown
        return found[1]


def _below(
    connection: Connection, own: Mapping[int, _N], make: Callable[[ManifestRow], _N]
) -> dict[int, list[_N]]:
    """Return the documents below each root, which `make` makes from rows."""
    listed: dict[int, list[_N]] = {}
    pending = {key for key, entry in own.items() if entry.kind is Kind.INDEX}
    while pending:
        children: dict[int, list[_N]] = defaultdict(list)
        for row in connection.each(blobs.MANIFESTS, parents=many(pending)):
            children[row.parent_id].append(make(row))
        listed |= {key: children.get(key, []) for key in pending}
        below = {e.blob_id for found in children.values() for e in found if e.kind is Kind.INDEX}
        pending = below - listed.keys()
    return {key: list(_leaves(entry, listed)) for key, entry in own.items()}


def _leaves(root: _N, listed: dict[int, list[_N]]) -> Iterable[_N]:
    """Return the manifests below an index, depth first; an index is entered once."""
    if root.kind is not Kind.INDEX:
        return (root,)
    below = listed.get(root.blob_id, [])
    return below if all(e.kind is not Kind.INDEX for e in below) else _nested(root, listed)


def _nested(root: _N, listed: dict[int, list[_N]]) -> Iterator[_N]:
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


def _own_members(connection: Connection, roots: Sequence[Root]) -> dict[int, _Member]:
    declared = _declared_of(connection, roots)
    targets = many({root.blob_id for root in roots})
    return {
        row.id: _Member(row.id, codecs.kind(row.kind), declared.get(row.id) or _configured(row))
        for row in connection.each(blobs.ENTRIES, targets=targets)
    }


def _member(row: ManifestRow) -> _Member:
    return _Member(row.child_id, codecs.kind(row.kind), _declared(row) or _configured(row))


def _declared_of(connection: Connection, roots: Sequence[Root]) -> Mapping[int, Platform]:
    return resolve.platforms_of(
        connection, [root for root in reversed(roots) if root.declared_id is not None]
    )


def _own_entries(connection: Connection, roots: Sequence[Root]) -> dict[int, ManifestEntry]:
    declared = _declared_of(connection, roots)
    targets = many({root.blob_id for root in roots})
    return {
        row.id: _entry(row.id, row, declared.get(row.id))
        for row in connection.each(blobs.ENTRIES, targets=targets)
    }


def _entry(key: int, row: EntryRow | ManifestRow, declared: Platform | None) -> ManifestEntry:
    # By position, in the order of the fields: a third of the time of keywords.
    return ManifestEntry(
        key,
        codecs.digest(row.digest),
        codecs.kind(row.kind),
        codecs.state(row.state),
        row.problem,
        declared,
        _configured(row),
    )


def _configured(row: EntryRow | ManifestRow) -> Platform | None:
    return _platform(
        row.configured_os,
        row.configured_architecture,
        row.configured_variant,
        row.configured_os_version,
    )


def _declared(row: ManifestRow) -> Platform | None:
    return _platform(
        row.declared_os,
        row.declared_architecture,
        row.declared_variant,
        row.declared_os_version,
    )


@lru_cache(maxsize=256)  # thousands of images are for a few platforms
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


def _health(targets: set[int], broken: set[int], partial: set[int]) -> Health:
    if not (broken or partial):
        return Health.COMPLETE
    if targets & broken:
        return Health.BROKEN
    return Health.PARTIAL if targets & partial else Health.COMPLETE
