"""Retention policy: the names that it removes or keeps, and the rule that decides for each.

A policy consists of queries of refs. It drops the refs that any drop query selects, except those
that a keep query selects and pinned ones; the order of the rules does not matter, and keeping
always wins. An image of one manifest a platform under one name is kept or dropped as a whole. A
policy removes no blobs: a collection removes those that became unreferenced.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cachedb.catalog.statements import garbage, refs
from cachedb.errors import Refused
from cachedb.operations.gc import clock, unknown_times, weak_roots
from cachedb.operations.gc.remove import RemovalPlan
from cachedb.operations.read import resolve, usage
from cachedb.operations.read.targets import refuse_lists, refuse_other_sorts
from cachedb.query.semantics.times import microseconds
from cachedb.query.syntax.tree import Saved, walk
from cachedb.records import Record, brief_repr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.layout import Layout
    from cachedb.operations.read.resolve import ResolvedImage, Root
    from cachedb.query.syntax.tree import Query

_FINGERPRINT = 12
PINNED = "pinned"
NO_RULE = "no rule drops it"
OTHER_PLATFORM = "no rule drops another platform of it"


class Policy(Record):
    """Queries of refs to remove and to keep; `most` is the largest share to remove, from 0 to 1.

    `trusts_clock` allows a query to select by a time although the last activity is long ago.
    """

    drop: tuple[Query, ...] = ()
    """Queries of the refs to remove."""
    keep: tuple[Query, ...] = ()
    most: float = 1.0
    trusts_clock: bool = False


class Decision(Record):
    """Decision about a ref, and the rule that made it."""

    root: Root
    is_dropped: bool
    """Whether the ref is to be removed."""
    rule: str


class SavedRule(Record):
    """A saved query that a rule uses, as it was when the rule was read.

    A `fingerprint` that differs means that it was changed since.
    """

    name: str
    """Name of the query, without ``@``."""
    text: str
    """Text of the query."""

    @property
    def fingerprint(self) -> str:
        """Return the first digits of the SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:_FINGERPRINT]


class RetentionPlan(Record):
    """Decisions of a policy about every ref, and the bytes that they free.

    `notes` are warnings about the rules, and `saved` the saved queries that they use.
    """

    decisions: tuple[Decision, ...]
    removal: RemovalPlan
    """Refs to remove."""
    notes: tuple[str, ...] = ()
    saved: tuple[SavedRule, ...] = ()

    __repr__ = brief_repr


def plan(
    layout: Layout, catalog: Catalog, policy: Policy, now: datetime | None = None
) -> RetentionPlan:
    """Decide for every ref; ages in all queries count from the same `now`.

    Raises:
        QueryError: A query of the policy is not a set of refs.
        Refused: A keep query selects nothing, which is likely a mistake; every ref would be
            dropped; more than `policy.most` of the refs or of the bytes; or by a time, and the
            clock is far ahead of the last activity in the cache.
    """
    moment = now or datetime.now(UTC)
    for query in (*policy.drop, *policy.keep):
        refuse_other_sorts(query)
        refuse_lists(query)
    if clock.reads_clock((*policy.drop, *policy.keep)) and not policy.trusts_clock:
        with catalog.reading() as connection:
            clock.check(layout, _times(connection, microseconds(moment)), moment)
    selected = [unknown_times.to_remove(catalog, query, moment) for query in policy.drop]
    dropping = [(str(q), s.ids) for q, s in zip(policy.drop, selected, strict=True)]
    keeping = [(str(q), unknown_times.to_keep(catalog, q, moment)) for q in policy.keep]
    for text, ids in keeping:
        if not ids:
            raise Refused(
                f"the rule to keep {text!r} selects nothing",
                hint="omit it if that is intended",
            )
    with catalog.reading() as connection:
        pinned = frozenset(connection.values(refs.PINNED))
        roots = resolve.every(connection)
        rules = [(PINNED, pinned), *keeping]
        images = resolve.images_of(connection, roots)
        decided = {
            each.root.ref_id: each for image in images for each in _decide(image, rules, dropping)
        }
        decisions = tuple(decided[root.ref_id] for root in roots)
        dropped = [decision.root for decision in decisions if decision.is_dropped]
        ids_dropped = [root.ref_id for root in dropped if root.ref_id is not None]
        weak = weak_roots.orphaned(connection, ids_dropped)
        going = [*ids_dropped, *(row.id for row in weak)]
        freed = usage.freed_by_removing(connection, going) if going else 0
        total = usage.live_size(connection)
    _refuse_too_much(len(going), len(roots), freed, total, policy.most)
    return RetentionPlan(
        decisions=decisions,
        removal=RemovalPlan(roots=tuple(dropped), freed=freed, weak=tuple(weak)),
        notes=unknown_times.notes(policy.drop, selected, moment),
        saved=tuple(dict.fromkeys(_saved_in((*policy.drop, *policy.keep)))),
    )


def _times(connection: Connection, now: int) -> Iterator[int]:
    """Yield the times of arrival, pull and use of names; a future time counts as now."""
    for row in connection.each(garbage.RETAINED):
        yield from (min(at, now) for at in (row.added, row.pulled, row.used) if at is not None)


def _saved_in(queries: Iterable[Query]) -> Iterator[SavedRule]:
    for query in queries:
        for node in walk(query.expression) if query.expression else ():
            if isinstance(node, Saved):
                yield SavedRule(name=node.name, text=node.query.span.source.text)


def _decide(
    image: ResolvedImage,
    keeping: Sequence[tuple[str, frozenset[int]]],
    dropping: Sequence[tuple[str, frozenset[int]]],
) -> Iterator[Decision]:
    """Decide for the entries of an image together.

    A rule that keeps one of its manifests keeps all; they are dropped if the rules to drop select
    each of them, so that `not platform:linux/arm64` does not drop an image that has arm64 too.
    """
    ids = {root.ref_id for root in image.entries}
    kept_by = next((text for text, kept in keeping if not kept.isdisjoint(ids)), None)
    dropped_by = [_first_with(root.ref_id, dropping) for root in image.entries]
    for root, rule in zip(image.entries, dropped_by, strict=True):
        if kept_by is not None:
            yield Decision(root=root, is_dropped=False, rule=kept_by)
        elif rule is None:
            yield Decision(root=root, is_dropped=False, rule=NO_RULE)
        elif None in dropped_by:
            yield Decision(root=root, is_dropped=False, rule=OTHER_PLATFORM)
        else:
            yield Decision(root=root, is_dropped=True, rule=rule)


def _first_with(ref_id: int | None, rules: Sequence[tuple[str, frozenset[int]]]) -> str | None:
    return next((text for text, ids in rules if ref_id in ids), None)


def _refuse_too_much(dropped: int, refs: int, freed: int, total: int, most: float) -> None:
    if dropped and dropped == refs:
        raise Refused(
            f"the policy would drop all {refs} names",
            hint="keep some with --keep QUERY, or remove them by name with cachedb rm",
        )
    for part, whole, what in ((dropped, refs, "names"), (freed, total, "bytes")):
        if whole and part / whole > most:
            raise Refused(
                f"the policy would drop {part} of {whole} {what}, which is more than {most:.0%}",
                hint="--max-drop 100% allows it",
            )
