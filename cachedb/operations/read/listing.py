"""Listing of images: names, digests, platforms, sizes and states."""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Protocol, TypeVar

from cachedb.catalog import codecs
from cachedb.catalog.enums import Kind
from cachedb.catalog.statement import many
from cachedb.catalog.statements import blobs, refs, usage
from cachedb.catalog.statements.blobs import IndexMemberRow
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
    from cachedb.operations.read.resolve import Root


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

    def health(self, ids: Sequence[int]) -> Health:
        """Return the health of an image whose documents have these ids."""
        if not self.broken.isdisjoint(ids):
            return Health.BROKEN
        return Health.COMPLETE if self.partial.isdisjoint(ids) else Health.PARTIAL


def _listings(connection: Connection, roots: Sequence[Root], faults: _Faults) -> list[Listing]:
    images = resolve.images_of(connection, roots)
    targets = {root.blob_id for root in roots}
    sizes = connection.mapping(blobs.SIZES, targets=many(targets))
    shown = _ShownPlatforms(connection, roots)
    found = []
    for image in images:
        first, ids = image.roots[0], [root.blob_id for root in image.roots]
        found.append(
            Listing(
                name=first.name,
                digests=tuple([root.digest for root in image.roots]),
                kind=first.kind,
                media_type=first.media_type,
                platforms=shown.of(image.roots),
                size=_size(connection, ids, sizes),
                health=faults.health(ids),
                is_pinned=any(root.is_pinned for root in image.entries),
            )
        )
    return found


def list_digests(connection: Connection) -> list[Digest]:
    """List the digests of the images of all refs, in the order of `list_images`.

    Costs a statement, and those about names that several refs have; none reads sizes, platforms
    or states.
    """
    shared = _by_name(resolve.of_shared_names(connection))
    split = {
        root.ref_id: image.roots if place == 0 else ()
        for image in resolve.images_of(connection, shared)
        if image.is_split
        for place, root in enumerate(image.entries)
    }
    found: list[Digest] = []
    for key, digest in connection.tuples(refs.DIGESTS):
        if key in split:
            found += [root.digest for root in split[key]]
        else:
            found.append(codecs.digest(digest))
    return found


def _by_name(roots: Iterable[Root]) -> list[Root]:
    """Sort refs by name, the nameless last."""
    return sorted(roots, key=lambda root: (root.name is None, root.name or "", root.digest))


def _size(connection: Connection, ids: Sequence[int], sizes: Mapping[int, int]) -> int:
    """Return the bytes of an image; blobs that its documents share count once."""
    if len(ids) == 1:
        return sizes.get(ids[0], 0)
    return connection.value(usage.CONTENT, targets=many(ids)) or 0


def manifests_below(
    connection: Connection, roots: Sequence[Root]
) -> dict[int, list[ManifestEntry]]:
    """Return the manifests that each root is or lists, at any depth, in the order listed.

    The keys are the ids of the blobs of the roots.
    """

    def listed_by(indexes: set[int]) -> Mapping[int, list[ManifestEntry]]:
        found: dict[int, list[ManifestEntry]] = defaultdict(list)
        for row in connection.each(blobs.MANIFESTS, parents=many(indexes)):
            found[row.parent_id].append(_entry(row.child_id, row, _declared(row)))
        return found

    return _below(_own_entries(connection, roots), listed_by)


class _Node(Protocol):
    @property
    def blob_id(self) -> int: ...
    @property
    def kind(self) -> int: ...


_N = TypeVar("_N", bound=_Node)


class _ShownPlatforms:
    """The known platforms of images, each once; one tuple for all images that have the same."""

    def __init__(self, connection: Connection, roots: Sequence[Root]) -> None:
        def listed_by(indexes: set[int]) -> Mapping[int, list[IndexMemberRow]]:
            found: dict[int, list[IndexMemberRow]] = defaultdict(list)
            for row in connection.each(blobs.MEMBERS, parents=many(indexes)):
                found[row[0]].append(row)
            return found

        indexes = {root.blob_id for root in roots if root.kind is Kind.INDEX}
        own = {key: IndexMemberRow(0, key, Kind.INDEX, None) for key in indexes}
        self._members = _below(own, listed_by)
        members = list(chain.from_iterable(self._members.values()))
        for kind in {member[2] for member in members}:
            codecs.kind(kind)
        ids = {*(member[3] for member in members), *map(_platform_id, roots)}
        named = [each for each in ids if each is not None]
        self._platforms = resolve.platforms(connection, named)
        self._known: dict[tuple[int, ...], tuple[Platform, ...]] = {}

    def of(self, roots: Sequence[Root]) -> tuple[Platform, ...]:
        """Return the platforms of an image in their order."""
        key = tuple([each for root in roots for each in self._of_root(root)])
        found = self._known.get(key)
        if found is None:
            platforms = dict.fromkeys(self._platforms[each] for each in key)
            found = self._known[key] = tuple(each for each in platforms if not each.is_unknown)
        return found

    def _of_root(self, root: Root) -> list[int]:
        if root.kind is Kind.INDEX:
            return [
                platform_id
                for _, _, kind, platform_id in self._members[root.blob_id]
                if kind == Kind.MANIFEST and platform_id is not None
            ]
        found = _platform_id(root) if root.kind is Kind.MANIFEST else None
        return [] if found is None else [found]


def _platform_id(root: Root) -> int | None:
    return root.configured_id if root.declared_id is None else root.declared_id


def _below(
    own: Mapping[int, _N], listed_by: Callable[[set[int]], Mapping[int, list[_N]]]
) -> dict[int, list[_N]]:
    """Return the documents below each root; `listed_by` reads what some indexes list."""
    listed: dict[int, list[_N]] = {}
    pending = {key for key, entry in own.items() if entry.kind == Kind.INDEX}
    while pending:
        children = listed_by(pending)
        listed |= {key: children.get(key, []) for key in pending}
        below = {e.blob_id for found in children.values() for e in found if e.kind == Kind.INDEX}
        pending = below - listed.keys()
    return {key: list(_leaves(entry, listed)) for key, entry in own.items()}


def _leaves(root: _N, listed: dict[int, list[_N]]) -> Iterable[_N]:
    """Return the manifests below an index, depth first; an index is entered once."""
    if root.kind != Kind.INDEX:
        return (root,)
    below = listed.get(root.blob_id, [])
    return _nested(root, listed) if Kind.INDEX in [e.kind for e in below] else below


def _nested(root: _N, listed: dict[int, list[_N]]) -> Iterator[_N]:
    seen = {root.blob_id}
    stack = [root]
    while stack:
        entry = stack.pop()
        if entry.kind != Kind.INDEX or (
            entry.blob_id != root.blob_id and not listed.get(entry.blob_id)
        ):
            yield entry
            continue
        below = listed.get(entry.blob_id, [])
        fresh = [e for e in below if e.kind != Kind.INDEX or e.blob_id not in seen]
        seen.update(e.blob_id for e in fresh)
        stack.extend(reversed(fresh))


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
