"""Garbage: which blobs nothing keeps, and what interrupted operations have left behind.

A blob stays while a ref, a referrer of something that stays, or a running operation holds it, and
while its file is younger than the grace, since another tool may have written it for a name that it
is about to add. When any part of the graph that a ref reaches cannot be read, nothing is garbage.
"""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from cachedb.catalog import codecs
from cachedb.catalog.enums import State
from cachedb.catalog.statement import many
from cachedb.catalog.statements import blobs, refs
from cachedb.catalog.statements import garbage as statements
from cachedb.errors import UnreadableGraph
from cachedb.layout.blobs import path_of
from cachedb.layout.quarantine import FINISHED, age_of
from cachedb.layout.staging.area import digest_of
from cachedb.layout.temporary_files import LEASES, OURS, STAGE, TRASH
from cachedb.operations.gc.cross_check import cross_check
from cachedb.operations.gc.grace import GRACE_SECONDS
from cachedb.operations.sync.recover import held_by_operations

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.enums import Kind
    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statement import Rows
    from cachedb.catalog.statements.garbage import KeptRow
    from cachedb.layout import Layout
    from cachedb.layout.temporary_files import TemporaryFile
    from cachedb.oci.digest import Digest


class Reason(StrEnum):
    """Why something is kept or removed; a program can rely on these words."""

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
        """Say it to people."""
        return _TEXTS[self]


_TEXTS = {
    Reason.NAMED: "a name leads to it",
    Reason.UNREACHABLE: "no name leads to it",
    Reason.YOUNG: "it is younger than the grace",
    Reason.LEASED: "a running operation holds it",
    Reason.SUBJECT: "an artifact in index.json refers to it",
    Reason.IN_USE: "somebody is writing it",
    Reason.ABANDONED: "whoever wrote it has ended",
    Reason.QUARANTINED: "removed a short while ago, and can be given back",
    Reason.EXPIRED: "nobody has missed it",
    Reason.NOT_CHOSEN: "the query does not select it",
}
_GARBAGE = frozenset({Reason.UNREACHABLE, Reason.ABANDONED, Reason.EXPIRED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A blob that no ref reaches, and why it goes or stays."""

    digest: Digest
    size: int
    kind: Kind
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Litter:
    """A file or folder that is no blob, or not yet; `tool` is who left it."""

    path: str
    size: int
    tool: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A blob that refs reach, and the first of their names."""

    digest: Digest
    size: int
    kind: Kind
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GCPlan:
    """What a collection would remove, and what it would spare although nothing reaches it.

    `grace` and `quarantine` are in seconds: how old a blob has to be to be removed, and for how
    long it can be given back then.
    """

    garbage: tuple[Candidate, ...]
    spared: tuple[Candidate, ...]
    grace: float
    quarantine: float = 0
    litter: tuple[Litter, ...] = ()
    spared_litter: tuple[Litter, ...] = ()

    @property
    def size(self) -> int:
        """The bytes that removing the garbage frees, once its quarantine is over."""
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
    """Find what nothing keeps; the quarantine is as long as the grace when it is not given.

    `without` are refs that count as removed. Of `chosen` blobs there is nothing else in the plan:
    the other garbage is spared, and no litter is looked for.

    Raises:
        UnreadableGraph: Part of what a ref reaches cannot be read.
        CatalogMismatch: A document in the layout needs a blob that the catalog takes for garbage.
    """
    quarantine = grace if quarantine is None else quarantine
    with catalog.reading() as connection:
        garbage, spared = find_blobs(layout, connection, grace, without, chosen)
        cross_check(layout, connection, {each.digest: each.kind for each in garbage}, without)
        held = held_by_operations(layout, connection)
    litter = find_litter(layout, grace, quarantine, held) if chosen is None else ()
    found = list(litter)
    return GCPlan(
        garbage=garbage,
        spared=spared,
        grace=grace,
        quarantine=quarantine,
        litter=tuple(each for each in found if each.reason in _GARBAGE),
        spared_litter=tuple(each for each in found if each.reason not in _GARBAGE),
    )


def kept(catalog: Catalog) -> list[Kept]:
    """Return what refs keep, with a name for each; costs a walk from every ref."""
    with catalog.reading() as connection:
        return _kept(connection, statements.KEPT)


def kept_besides(catalog: Catalog, ref_ids: Collection[int]) -> list[Kept]:
    """Return what these refs contain and another ref keeps, with a name of such a one for each.

    Costs a walk from every ref that shares something with them.
    """
    with catalog.reading() as connection:
        return _kept(connection, statements.KEPT_BESIDES, refs=many(ref_ids))


def _kept(connection: Connection, statement: Rows[KeptRow], **values: str) -> list[Kept]:
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
    """Return the blobs that no ref reaches: those that are garbage, and those that are spared.

    Raises:
        UnreadableGraph: Part of what a ref reaches cannot be read.
    """
    _refuse_unreadable(layout, connection, without)
    leased = leased_blobs(layout, connection)
    subjects = set(connection.values(blobs.SUBJECTS_OF_REFS, without=many(without)))
    found: list[Candidate] = []
    for row in connection.each(statements.UNREACHABLE, without=many(without)):
        if chosen is not None and row.id not in chosen:
            reason = Reason.NOT_CHOSEN
        elif row.id in leased:
            reason = Reason.LEASED
        elif row.id in subjects:
            reason = Reason.SUBJECT
        elif _is_young(row.touched or 0, grace):
            reason = Reason.YOUNG
        else:
            reason = Reason.UNREACHABLE
        found.append(
            Candidate(
                digest=codecs.digest(row.digest),
                size=codecs.size(row.size),
                kind=codecs.kind(row.kind),
                reason=reason,
            )
        )
    garbage = tuple(each for each in found if each.reason in _GARBAGE)
    return garbage, tuple(each for each in found if each.reason not in _GARBAGE)


def find_litter(
    layout: Layout, grace: float, quarantine: float, held: Collection[str]
) -> Iterator[Litter]:
    """Yield what is no blob, or not yet, and what is to become of it."""
    for leftover in layout.temporary_files.find():
        if is_unfinished(leftover.path):
            continue  # a collection gives back first what another one took
        reason = _judge(leftover, grace, quarantine, held)
        yield Litter(path=leftover.path, size=leftover.size, tool=leftover.tool, reason=reason)


def is_unfinished(path: str) -> bool:
    """Whether a leftover is a run of a collection that was killed, or that runs."""
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
    """Whether something is younger than the grace; a time in the future counts as now."""
    now = time.time_ns()
    return min(touched_ns, now) > now - int(grace * 1e9)


def _refuse_unreadable(layout: Layout, connection: Connection, without: Collection[int]) -> None:
    problems = layout.index().problems
    if problems:
        raise UnreadableGraph("", problems[0], "index.json")
    found = connection.first(statements.UNREADABLE, without=many(without))
    if found is not None:
        digest = codecs.digest(found.digest)
        state = codecs.state(found.state)
        why = "it is missing" if state is State.MISSING else "it is corrupt"
        image = _an_image_with(connection, digest)
        raise UnreadableGraph(digest, found.problem or why, path_of(digest), image)


def _an_image_with(connection: Connection, digest: Digest) -> str:
    """Return a name of an image that contains a blob, quoted for a shell, or else its digest."""
    row = connection.first(refs.CONTAINING_DIGEST, digest=digest)
    return shlex.quote(digest if row is None else row.name or row.digest)


def leased_blobs(layout: Layout, connection: Connection) -> dict[int, Digest]:
    """Return what the leases of running operations hold, with all that it contains, by id."""
    held = held_by_operations(layout, connection)
    return {
        row.id: codecs.digest(row.digest)
        for row in connection.each(statements.LEASED, digests=many(held))
    }
