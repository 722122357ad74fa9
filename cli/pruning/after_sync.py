"""Retention after a sync: names that the file lists no longer, and the policy of the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cachedb.cli.options.cache import open_cache
from cachedb.cli.pruning.plans import stored_policy
from cachedb.cli.render import output, tables
from cachedb.cli.render.actions import print_items
from cachedb.cli.render.tables import Column, Format
from cachedb.errors import CacheNotFound, InvalidReference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from cachedb.cache import Cache
    from cachedb.operations.gc.remove import RemovalPlan
    from cachedb.operations.mirror.plan_sync import SyncPlan
    from cachedb.operations.prune.plan import PrunePlan
    from cachedb.operations.prune.rules import PruneRules
    from cachedb.operations.transfer.pull import PullOptions
    from cachedb.registry.client import Client

NOT_LISTED = "not in the file"
_COLUMNS = (
    Column("name"),
    Column("state"),
    Column("reason"),
    Column("freed", output.size, is_number=True),
)


class Retention(NamedTuple):
    """Removals after a sync: of names that the file lists no longer, and by the policy."""

    of_others: bool
    by_policy: bool


class PlannedRemoval(NamedTuple):
    """A name that retention removes after a sync, why, and the bytes that this frees."""

    name: str
    digest: str
    reason: str
    freed: int


def plan_others(opened: Cache, plan: SyncPlan) -> RemovalPlan:
    """Plan the removal of the names of mirrored repositories that the plan does not have."""
    from cachedb.oci import Reference

    wanted = {str(each.with_default_tag()) for each in plan.references}
    repositories = {str(each) for each in plan.repositories}
    others = []
    for root in opened.targets():
        try:
            name = Reference.parse(root.name or "")
        except InvalidReference:
            continue
        if str(name.replace(tag=None, digest=None)) in repositories and root.name not in wanted:
            others.append(str(root.name))
    return opened.plan_removal(others)


def remove_others(opened: Cache, plan: SyncPlan) -> tuple[str, ...]:
    """Remove the names of mirrored repositories that the plan does not have."""
    removal = plan_others(opened, plan)
    removed = opened.remove(removal) if removal.roots else ()
    return tuple(root.name for root in removed if root.name is not None)


def apply_policy(opened: Cache, rules: PruneRules, *, quiet: bool) -> tuple[str, ...]:
    """Remove names by the policy of the cache, and collect; return the names."""
    removed = opened.prune(opened.plan_prune(rules))
    report = opened.collect(opened.plan_collection())
    if not quiet:
        output.print_stderr(f"freed {output.size(report.freed)}")
    return tuple(root.name for root in removed if root.name is not None)


def forecast_removals(
    future: Cache, plan: SyncPlan, rules: PruneRules | None, *, is_pruned: bool
) -> tuple[PlannedRemoval, ...]:
    """Plan what `remove_others` and then `apply_policy` would remove; `future` is a forecast."""
    found: list[PlannedRemoval] = []
    if is_pruned:
        removal = plan_others(future, plan)
        found += _of_others(removal)
        future.remove(removal)
    if rules is not None:
        found += _of_policy(future.plan_prune(rules))
    return tuple(found)


def _of_others(removal: RemovalPlan) -> Iterator[PlannedRemoval]:
    for place, root in enumerate(removal.roots):
        freed = removal.freed if place == 0 else 0
        yield PlannedRemoval(str(root.name), root.digest, NOT_LISTED, freed)


def _of_policy(plan: PrunePlan) -> Iterator[PlannedRemoval]:
    for item in plan.items:
        for place, root in enumerate(item.roots if item.is_removed else ()):
            freed = item.freed if place == 0 else 0
            yield PlannedRemoval(item.name or root.digest, root.digest, item.reason, freed)


def forecast_sync(
    cache: Path | None,
    plan: SyncPlan,
    connect: Callable[[str], Client],
    options: PullOptions,
    retention: Retention,
) -> tuple[SyncPlan, tuple[PlannedRemoval, ...] | None]:
    """Plan the removals on what the cache will hold after the pulls; none after a failure.

    Returns the plan with the failures of reading documents, too. Without retention, nothing is
    read, and the removals are None.
    """
    if not any(retention):
        return plan, None
    try:
        opened = open_cache(cache)
    except CacheNotFound:
        if retention.by_policy:
            raise
        return plan, ()
    with opened:
        rules = opened.policy_rules(stored_policy(opened)) if retention.by_policy else None
        with opened.forecast(plan.references, connect, options) as (future, report):
            failures = (*plan.failures, *report.failures)
            if failures:
                output.print_stderr("would remove nothing: not everything can be mirrored")
                return plan.replace(failures=failures), ()
            return plan, forecast_removals(future, plan, rules, is_pruned=retention.of_others)


def print_plan(
    plan: SyncPlan, removals: Sequence[PlannedRemoval] | None, form: str, *, quiet: bool
) -> None:
    """Print what a sync would pull and, if that is known, what would be removed after it.

    Raises:
        CacheError: The last failure of the plan; the others are printed.
    """
    rows: list[tuple[object, ...]] = [
        (str(each), "would pull", None, None) for each in plan.references
    ]
    rows += [(each.name, "would remove", each.reason, each.freed) for each in removals or ()]
    if quiet or (form is Format.TABLE and removals is None):
        for reference in plan.references:
            output.print_stdout(str(reference))
    elif form is Format.TABLE:
        tables.render(_COLUMNS, rows, form)
    else:
        summary = {
            "images": len(plan.references),
            "failed": len(plan.failures),
            "removed": len(removals or ()),
            "freed": sum(each.freed for each in removals or ()),
        }
        print_items(_COLUMNS, rows, summary, form)
    for repository, error in plan.failures[:-1]:
        output.print_stderr(f"cachedb: {repository.familiar}: {error}")
    if plan.failures:
        raise plan.failures[-1][1]
