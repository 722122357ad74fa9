"""Walks over the content graph: parts of statements.

A set is a common table expression with one column, `id`, of blobs. Every walk is a top-level
expression whose recursive step is the bare join with `edge`: a filter or a subquery in that step
costs a factor of hundreds (docs/explanation/catalog.md), so seeds are filtered before and results
after. The step is a UNION, which also ends on a cycle. Complements use NOT EXISTS, since
PostgreSQL does not hash NOT IN over a recursive expression.

A walk takes its seeds as a select of one column, or as an expression that begins with one: ids of
blobs that are never NULL. Sets without a name are numbered by SQLAlchemy; two named sets of one
statement need different names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import CTE, exists, func, select

from cachedb.catalog.enums import Role, State
from cachedb.catalog.queries.definition import not_among_ids
from cachedb.catalog.schema import blob, edge, link, ref

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, CompoundSelect, Select

    Seed: TypeAlias = Select[Any] | CompoundSelect[Any] | CTE

ON_DISK = (State.PRESENT, State.CORRUPT)
"""The states of a blob that has a file, which takes space and can be deleted."""


def descendants(seed: Seed, name: str | None = None) -> CTE:
    """Collect the descendants of the blobs of `seed`, themselves included."""
    walk = _first_step(seed, name)
    return walk.union(select(edge.c.child_id).join_from(walk, edge, edge.c.parent_id == walk.c.id))


def ancestors(seed: Seed, name: str | None = None) -> CTE:
    """Collect the ancestors of the blobs of `seed`, themselves included."""
    walk = _first_step(seed, name)
    return walk.union(select(edge.c.parent_id).join_from(walk, edge, edge.c.child_id == walk.c.id))


def targets(refs: Seed | None = None) -> Select[int]:
    """Select the targets of the refs of these ids; without an argument, of all refs."""
    if refs is None:
        return select(ref.c.target_id.label("id"))
    chosen = _named(refs, None)
    return select(ref.c.target_id.label("id")).where(ref.c.id.in_(select(chosen.c[0])))


def reachable(name: str | None = None, without: str | None = None) -> CTE:
    """Collect the blobs that some ref reaches, except the refs of the ids bound as `without`."""
    found = targets()
    if without is not None:
        found = found.where(not_among_ids(ref.c.id, without))
    return descendants(found, name)


def unreachable() -> Select[int]:
    """Select the ids of unreferenced blobs, which a collection may delete."""
    return select(blob.c.id).where(outside(blob.c.id, reachable()))


def exclusive(refs: Seed, name: str | None = None) -> CTE:
    """Collect the blobs that become unreferenced if exactly the refs of these ids are removed.

    The blobs of two names that are both removed count; those of a name that stays do not.
    """
    chosen = materialized(refs, name and f"{name}_refs")
    kept_by_them = descendants(
        select(ref.c.target_id.label("id")).where(ref.c.id.in_(select(chosen.c[0]))),
        name and f"{name}_content",
    )
    # Only refs that share content can reach it: a walk from all others is ten times slower.
    sharing = ancestors(kept_by_them, name and f"{name}_sharing")
    others = select(ref.c.target_id.label("id")).where(
        ref.c.target_id.in_(select(sharing.c.id)), outside(ref.c.id, chosen)
    )
    kept_by_others = descendants(others, name and f"{name}_others")
    rest = select(kept_by_them.c.id).where(outside(kept_by_them.c.id, kept_by_others))
    return rest.cte(name)


def released(refs: Seed, name: str) -> CTE:
    """Collect what a collection would delete if exactly the refs of these ids were removed.

    That is what only these refs keep, without the subjects of artifacts that stay, and what the
    subjects contain.
    """
    alone = exclusive(refs, f"{name}_alone")
    subjects = select(link.c.child_id.label("id")).where(
        link.c.role == int(Role.SUBJECT),
        link.c.child_id.in_(select(alone.c.id)),
        outside(link.c.parent_id, alone),
    )
    kept = with_subjects(subjects, f"{name}_subjects")
    return select(alone.c.id).where(outside(alone.c.id, kept)).cte(name)


def with_subjects(seed: Seed, name: str) -> CTE:
    """Collect what the blobs of `seed` contain or refer to by ``subject``, at any depth."""
    walk = _first_step(seed, f"{name}_and_theirs")
    # Links are the descriptors of a document, that of its subject among them.
    linked = walk.union(
        select(link.c.child_id).join_from(walk, link, link.c.parent_id == walk.c.id)
    )
    return descendants(linked, name)


def materialized(found: Seed, name: str | None) -> CTE:
    """Name a set of ids that `outside` looks up for each row.

    Without the hint, SQLite 3.53 reads a bound list anew for each of them.
    """
    return found if isinstance(found, CTE) else found.cte(name).prefix_with("MATERIALIZED")


def outside(column: ColumnElement[int], found: CTE) -> ColumnElement[bool]:
    """Return the condition that `column` is not in the first column of `found`."""
    return ~exists(select(1).where(found.c[0] == column).select_from(found))


def size_on_disk(found: CTE) -> Select[int]:
    """Select the size in bytes of the files of the blobs in `found`."""
    return select(func.coalesce(func.sum(blob.c.size), 0)).where(
        blob.c.id.in_(select(found.c.id)), blob.c.state.in_(ON_DISK)
    )


def content_of_each(targets: Select[int]) -> CTE:
    """Pair each of `targets` with its content."""
    seed = targets.cte("targets")
    walk = select(seed.c[0].label("root"), seed.c[0].label("id")).cte("content", recursive=True)
    return walk.union(
        select(walk.c.root, edge.c.child_id).join_from(walk, edge, edge.c.parent_id == walk.c.id)
    )


def _first_step(seed: Seed, name: str | None) -> CTE:
    source = _named(seed, name and f"{name}_seed")
    return select(source.c[0].label("id")).cte(name, recursive=True)


def _named(found: Seed, name: str | None) -> CTE:
    return found if isinstance(found, CTE) else found.cte(name)
