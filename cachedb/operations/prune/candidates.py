"""Candidates of prune: the names of a cache with their times and their content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog import state
from cachedb.catalog.enums import ADOPTED, Kind
from cachedb.catalog.statements import garbage, refs
from cachedb.operations.prune.reclaim import Reclaim
from cachedb.operations.read import resolve
from cachedb.operations.read.content import OwnershipGraph
from cachedb.operations.read.listing import manifests_below
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statements.garbage import RetainedRef
    from cachedb.operations.read.resolve import Root


class PruneCandidate(
    Record,
    uncompared=(
        "name", "repository", "is_tagged", "is_pinned", "arrived", "pulled", "used", "roots",
    ),
):  # fmt: skip
    """A name with its entries, or an entry without a name; times in microseconds since 1970.

    Two candidates of one inventory are equal if `key`, the id of their first entry, is. `arrived`
    bounds the time at which the name got its image; the two differ if the catalog was made later.
    `used` is the last use: a pull and the arrival are uses too.
    """

    key: int
    name: str | None
    repository: str | None
    """Registry and path of the name; None if it is no reference."""
    is_tagged: bool
    """Whether the name has a tag."""
    is_pinned: bool
    """Whether one of the entries is pinned."""
    arrived: tuple[int, int]
    pulled: int | None
    """Time of the last pull; None without one."""
    used: int
    roots: tuple[Root, ...]
    """Its entries, in the order of index.json."""

    @property
    def ref_ids(self) -> frozenset[int]:
        """The ids of its entries in the catalog."""
        return frozenset(root.ref_id for root in self.roots if root.ref_id is not None)

    @property
    def image_ids(self) -> frozenset[int]:
        """The ids of its entries but those attached to an image, as signatures are."""
        images = [root for root in self.roots if not root.is_attached] or self.roots
        return frozenset(root.ref_id for root in images if root.ref_id is not None)

    @property
    def targets(self) -> frozenset[int]:
        """The ids of the blobs that its entries have as targets."""
        return frozenset(root.blob_id for root in self.roots)


class Inventory:
    """The candidates of a cache, and their content.

    An entry without a name of an artifact whose subject another entry reaches is no candidate: it
    is removed with the image that it refers to.
    """

    def __init__(self, connection: Connection, now: int) -> None:
        self._connection = connection
        self._graph = OwnershipGraph(connection)
        self._created: Mapping[int, int] | None = None
        roots = resolve.every(connection)
        subjects = connection.mapping(garbage.ARTIFACTS)
        followers = _followers(self._graph, roots, subjects)
        strong = [root for root in roots if root.ref_id not in followers]
        rows = {row.id: row for row in connection.each(garbage.RETAINED)}
        adopted = int(state.read(connection, ADOPTED) or 0)
        # The pin of an entry without a name holds every entry without a name of its digest.
        pinned = frozenset(connection.values(refs.PINNED))
        self.candidates: tuple[PruneCandidate, ...] = tuple(
            _candidate(group, [rows[root.ref_id or 0] for root in group], adopted, now, pinned)
            for group in _by_name(strong)
        )
        self.reclaim: Reclaim = Reclaim(
            self._graph, [root.blob_id for root in strong], list(subjects.items())
        )
        self.before: int = self.reclaim.live
        """Bytes that all entries reach."""

    def created(self, candidate: PruneCandidate) -> int:
        """Return the newest creation time in the configs of the image; 0 without one."""
        if self._created is None:
            self._created = self._connection.mapping(garbage.CREATED)
        content = self._graph.content(candidate.targets)
        return max((self._created.get(blob, 0) for blob in content), default=0)

    def platforms(self) -> dict[int, frozenset[str]]:
        """Return the platforms of each candidate, by its key."""
        roots = {root.blob_id: root for each in self.candidates for root in each.roots}
        below = manifests_below(self._connection, list(roots.values()))
        return {
            each.key: frozenset(
                str(entry.platform)
                for blob in each.targets
                for entry in below[blob]
                if entry.kind is Kind.MANIFEST and entry.platform is not None
            )
            for each in self.candidates
        }


def _followers(
    graph: OwnershipGraph, roots: Sequence[Root], subjects: Mapping[int, int]
) -> frozenset[int | None]:
    """Return the entries without a name of artifacts whose subject other entries reach."""
    weak = [root for root in roots if root.name is None and root.blob_id in subjects]
    if not weak:
        return frozenset()
    ids = {root.ref_id for root in weak}
    reached = graph.content(root.blob_id for root in roots if root.ref_id not in ids)
    return frozenset(root.ref_id for root in weak if root.blob_id in reached)


def _by_name(roots: Iterable[Root]) -> Iterable[Sequence[Root]]:
    groups: dict[object, list[Root]] = {}
    for root in roots:
        groups.setdefault(root.ref_id if root.name is None else root.name, []).append(root)
    return groups.values()


def _candidate(
    roots: Sequence[Root],
    rows: Sequence[RetainedRef],
    adopted: int,
    now: int,
    pinned: Container[int | None],
) -> PruneCandidate:
    """Make the candidate of the entries of one name; a future time counts as now."""
    first = rows[0]
    added = max(min(row.added, now) for row in rows)
    pulled = max((min(row.pulled, now) for row in rows if row.pulled is not None), default=None)
    used = max((min(row.used, now) for row in rows if row.used is not None), default=0)
    is_known = all(row.added != adopted for row in rows)
    return PruneCandidate(
        key=first.id,
        name=roots[0].name,
        repository=_repository(roots[0], first),
        is_tagged=first.tag is not None,
        is_pinned=any(root.ref_id in pinned for root in roots),
        arrived=(added if is_known else 0, added),
        pulled=pulled,
        used=max(added, pulled or 0, used),
        roots=tuple(roots),
    )


def _repository(root: Root, row: RetainedRef) -> str | None:
    if root.name is None:
        return None
    return f"{row.registry}/{row.repo}" if row.repo is not None else ""
