"""Mark phase of garbage collection: unreferenced blobs and leftovers of interrupted operations.

A blob stays while a ref, a referrer of a reachable blob, or the lease of a running operation
references it, and within the grace period, since another tool may have written it for a name that
it is about to add. While any part of the reachable graph is unreadable, no blob is garbage.
"""

from __future__ import annotations

import shlex
import time
from enum import StrEnum
from typing import TYPE_CHECKING

from cachedb.catalog import codecs, state
from cachedb.catalog.enums import INDEX_PROBLEMS, State
from cachedb.catalog.statement import many
from cachedb.catalog.statements import blobs, refs
from cachedb.catalog.statements import garbage as statements
from cachedb.errors import CatalogMismatch, UnreadableGraph
from cachedb.layout.blobs import path_of
from cachedb.layout.quarantine import FINISHED, age_of
from cachedb.layout.staging.area import digest_of
from cachedb.layout.temporary_files import LEASES, OURS, STAGE, TRASH
from cachedb.layout.unreadable_entry import unreadable_in
from cachedb.operations.gc.cross_check import cross_check
from cachedb.operations.gc.grace import GRACE_SECONDS
from cachedb.operations.sync import reconcile
from cachedb.operations.sync.freshness import has_same_names
from cachedb.operations.sync.locked_names import locking_names
from cachedb.operations.sync.recover import held_by_operations
from cachedb.records import NamedTuple, Record, brief_repr

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from cachedb.catalog.connect import Catalog, Mark
    from cachedb.catalog.enums import Kind
    from cachedb.catalog.executor import Bound, Connection
    from cachedb.catalog.statement import Rows
    from cachedb.catalog.statements.garbage import KeptRow
    from cachedb.layout import Layout
    from cachedb.layout.temporary_files import TemporaryFile
    from cachedb.layout.unreadable_entry import UnreadableEntry
    from cachedb.oci.digest import Digest


class Reason(StrEnum):
    """Reason why a blob or a leftover is kept or removed; the values are part of the output."""

    NAMED = "named"
    UNREACHABLE = "unreachable"
    YOUNG = "young"
    LEASED = "leased"
    SUBJECT = "subject"
    IN_USE = "in-use"
    ABANDONED = "abandoned"
    QUARANTINED = "quarantined"
    EXPIRED = "expired"
    NOT_CHOSEN = "not-chosen"

    @property
    def text(self) -> str:
        """Return the reason as text for people."""
        return _TEXTS[self]


_TEXTS = {
    Reason.NAMED: "an image references it",
    Reason.UNREACHABLE: "no image references it",
    Reason.YOUNG: "within the grace period",
    Reason.LEASED: "leased by a running operation",
    Reason.SUBJECT: "an artifact that stays refers to it",
    Reason.IN_USE: "a running process writes it",
    Reason.ABANDONED: "left by an interrupted operation",
    Reason.QUARANTINED: "in quarantine, restored if a name needs it",
    Reason.EXPIRED: "quarantine expired",
    Reason.NOT_CHOSEN: "not matched by the query",
}
_GARBAGE = frozenset({Reason.UNREACHABLE, Reason.ABANDONED, Reason.EXPIRED})


class Candidate(NamedTuple):
    """Unreferenced blob, and the reason why it is removed or kept; `size` is in bytes.

    `touched_ns` is the time at which its file was last written, in nanoseconds since 1970; a
    future time counts as now.
    """

    digest: Digest
    size: int
    kind: Kind
    reason: Reason
    touched_ns: int = 0


class KeptGroup(NamedTuple):
    """Unreferenced blobs that a collection keeps for one reason; `size` is in bytes.

    `collectable_at` is the end of the grace period of the last of them, in seconds since 1970;
    None for another reason.
    """

    reason: Reason
    blobs: int
    size: int
    collectable_at: float | None


class Leftover(Record):
    """Temporary file, partial blob or quarantine; `tool` is the program that left it."""

    path: str
    """Path relative to the layout."""
    size: int
    """Bytes that its removal frees."""
    tool: str
    reason: Reason


class Kept(Record):
    """Reachable blob, and the first name that references it; `size` is in bytes."""

    digest: Digest
    size: int
    kind: Kind
    name: str | None


class GCPlan(Record, uncompared=("basis",)):
    """Blobs and leftovers that a collection would remove, and those that it would keep.

    `grace` and `quarantine` are in seconds: the age from which a blob is removed, and the time for
    which it can be restored then. `basis` is the mark of the rows that the plan was made from;
    None if they can change without moving it, as those in a server can, or if the plan is not of
    all refs.
    """

    garbage: tuple[Candidate, ...]
    """Blobs to remove."""
    spared: tuple[Candidate, ...]
    """Unreferenced blobs that stay, each with its reason."""
    grace: float
    quarantine: float = 0
    leftovers: tuple[Leftover, ...] = ()
    spared_leftovers: tuple[Leftover, ...] = ()
    """Leftovers that stay, each with its reason."""
    basis: Mark | None = None

    __repr__ = brief_repr

    def kept_by_reason(self) -> tuple[KeptGroup, ...]:
        """Return the unreferenced blobs that stay, grouped by reason, the largest group first."""
        groups: dict[Reason, list[Candidate]] = {}
        for each in self.spared:
            groups.setdefault(each.reason, []).append(each)
        found = [
            KeptGroup(
                reason=reason,
                blobs=len(group),
                size=sum(each.size for each in group),
                collectable_at=max(each.touched_ns for each in group) / 1e9 + self.grace
                if reason is Reason.YOUNG
                else None,
            )
            for reason, group in groups.items()
        ]
        return tuple(sorted(found, key=lambda group: (-group.size, group.reason)))

    @property
    def size(self) -> int:
        """Return the bytes that are free once the quarantine of the garbage is over."""
        return sum(candidate.size for candidate in self.garbage)


def plan(
    layout: Layout,
    catalog: Catalog,
    *,
    grace: float = GRACE_SECONDS,
    quarantine: float | None = None,
    without: Collection[int] = (),
    chosen: Collection[int] | None = None,
) -> GCPlan:
    """Find unreferenced blobs; the default `quarantine` is the grace period.

    Refs of the ids `without` count as removed. With `chosen`, only those blobs are removed, and
    leftovers stay.

    Raises:
        UnreadableGraph: Part of the reachable content cannot be read.
        CatalogMismatch: A document in the layout references a blob that the catalog counts as
        garbage.
    """
    quarantine = grace if quarantine is None else quarantine
    try:
        garbage, spared, held, basis = _select(layout, catalog, grace, without, chosen)
    except CatalogMismatch:
        if not layout.is_writable:
            raise
        # A writer changes index.json before the catalog: the two agree under its lock only.
        with locking_names(layout, catalog):
            reconcile.reconcile(layout, catalog)
            garbage, spared, held, basis = _select(layout, catalog, grace, without, chosen)
    leftovers = find_leftovers(layout, grace, quarantine, held) if chosen is None else ()
    found = list(leftovers)
    return GCPlan(
        garbage=garbage,
        spared=spared,
        grace=grace,
        quarantine=quarantine,
        leftovers=tuple(each for each in found if each.reason in _GARBAGE),
        spared_leftovers=tuple(each for each in found if each.reason not in _GARBAGE),
        basis=None if without else basis,
    )


def _select(
    layout: Layout,
    catalog: Catalog,
    grace: float,
    without: Collection[int],
    chosen: Collection[int] | None,
) -> tuple[tuple[Candidate, ...], tuple[Candidate, ...], set[str], Mark | None]:
    """Return garbage and spared blobs, checked against the files, leased digests, the basis."""
    basis = catalog.mark()  # before the rows are read, so that it shows what is written meanwhile
    with catalog.reading() as connection:
        garbage, spared = find_blobs(layout, connection, grace, without, chosen)
        cross_check(layout, connection, garbage, spared, without)
        return garbage, spared, held_by_operations(layout, connection), basis


def kept(catalog: Catalog) -> list[Kept]:
    """Return the reachable blobs with a name for each; costs a walk from every ref."""
    with catalog.reading() as connection:
        return _kept(connection, statements.KEPT)


def kept_besides(catalog: Catalog, ref_ids: Collection[int]) -> list[Kept]:
    """Return the content of some refs that other refs reference too, with such a name for each.

    Costs a walk from every ref that shares something with them.
    """
    with catalog.reading() as connection:
        return _kept(connection, statements.KEPT_BESIDES, refs=many(ref_ids))


def _kept(connection: Connection, statement: Rows[KeptRow], **values: Bound) -> list[Kept]:
    return [
        Kept(
            digest=codecs.digest(row.digest),
            size=codecs.size(row.size),
            kind=codecs.kind(row.kind),
            name=row.name,
        )
        for row in connection.each(statement, **values)
    ]


def find_blobs(
    layout: Layout,
    connection: Connection,
    grace: float,
    without: Collection[int] = (),
    chosen: Collection[int] | None = None,
) -> tuple[tuple[Candidate, ...], tuple[Candidate, ...]]:
    """Return the unreferenced blobs: those to remove, and those to keep.

    Raises:
        UnreadableGraph: Part of the reachable content cannot be read.
    """
    _refuse_unreadable(layout, connection, without)
    leased = leased_blobs(layout, connection)
    subjects = set(connection.values(blobs.SUBJECTS_OF_REFS, without=many(without)))
    garbage: list[Candidate] = []
    spared: list[Candidate] = []
    now, grace_ns = time.time_ns(), int(grace * 1e9)
    for key, text, size, kind, touched_ns in connection.each(
        statements.UNREACHABLE, without=many(without)
    ):
        touched = touched_ns or 0
        touched = min(touched, now)
        if chosen is not None and key not in chosen:
            reason = Reason.NOT_CHOSEN
        elif key in leased:
            reason = Reason.LEASED
        elif key in subjects:
            reason = Reason.SUBJECT
        elif touched > now - grace_ns:
            reason = Reason.YOUNG
        else:
            reason = Reason.UNREACHABLE
        found = Candidate(
            codecs.digest(text), codecs.size(size), codecs.kind(kind), reason, touched
        )
        (garbage if reason is Reason.UNREACHABLE else spared).append(found)
    return tuple(garbage), tuple(spared)


def find_leftovers(
    layout: Layout, grace: float, quarantine: float, held: Collection[str]
) -> Iterator[Leftover]:
    """Yield temporary files, partial blobs and quarantines, each with its reason."""
    for leftover in layout.temporary_files.find():
        if is_unfinished(leftover.path):
            continue  # a collection first restores blobs that an interrupted one quarantined
        reason = _judge(leftover, grace, quarantine, held)
        yield Leftover(path=leftover.path, size=leftover.size, tool=leftover.tool, reason=reason)


def is_unfinished(path: str) -> bool:
    """Return whether a path is the quarantine of a collection that was killed, or is running."""
    return path.startswith(f"{TRASH}/") and not path.endswith(FINISHED)


def _judge(
    leftover: TemporaryFile, grace: float, quarantine: float, held: Collection[str]
) -> Reason:
    folder, _, name = leftover.path.rpartition("/")
    if folder == TRASH:
        is_over = quarantine == 0 or age_of(name) >= quarantine
        return Reason.EXPIRED if is_over else Reason.QUARANTINED
    if leftover.is_in_use:
        return Reason.LEASED if folder == LEASES else Reason.IN_USE
    if folder == STAGE and digest_of(name) in held:
        return Reason.LEASED
    if leftover.tool != OURS and _is_young(leftover.touched_ns, grace):
        return Reason.YOUNG
    return Reason.ABANDONED


def _is_young(touched_ns: int, grace: float) -> bool:
    """Return whether a time is within the grace period; a time in the future counts as now."""
    now = time.time_ns()
    return min(touched_ns, now) > now - int(grace * 1e9)


def _refuse_unreadable(layout: Layout, connection: Connection, without: Collection[int]) -> None:
    for entry in _unreadable_entries(layout, connection):
        refused = UnreadableGraph("", entry.problem, "index.json")
        refused.hint = f"cachedb rm '{entry.address}'"
        raise refused
    found = connection.first(statements.UNREADABLE, without=many(without))
    if found is not None:
        digest = codecs.digest(found.digest)
        is_missing = codecs.state(found.state) is State.MISSING
        why = "it is missing" if is_missing else "it is corrupt"
        image = _an_image_with(connection, digest)
        raise UnreadableGraph(digest, found.problem or why, path_of(digest), image)


def _unreadable_entries(layout: Layout, connection: Connection) -> Sequence[UnreadableEntry]:
    """Return the entries of index.json that cannot be read, parsed only if there may be one."""
    if state.read(connection, INDEX_PROBLEMS) == "[]" and has_same_names(layout, connection):
        return ()
    return unreadable_in(layout.index())


def _an_image_with(connection: Connection, digest: Digest) -> str:
    """Return a name of an image that contains a blob, quoted for a shell, or else its digest."""
    row = connection.first(refs.CONTAINING_DIGEST, digest=digest)
    return shlex.quote(digest if row is None else row.name or row.digest)


def leased_blobs(layout: Layout, connection: Connection) -> dict[int, Digest]:
    """Return the blobs that leases of running operations hold, with their content, by id."""
    held = held_by_operations(layout, connection)
    return {
        row.id: codecs.digest(row.digest)
        for row in connection.each(statements.LEASED, digests=many(held))
    }
