"""Retention after a sync: names that the file lists no longer, and the policy of the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.cli.render import output
from cachedb.errors import InvalidReference

if TYPE_CHECKING:
    from cachedb.cache import Cache
    from cachedb.operations.mirror.plan_sync import SyncPlan
    from cachedb.operations.prune.rules import PruneRules


def remove_others(opened: Cache, plan: SyncPlan) -> tuple[str, ...]:
    """Remove the names of mirrored repositories that the plan does not have."""
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
    removed = opened.remove(opened.plan_removal(others)) if others else ()
    return tuple(root.name for root in removed if root.name is not None)


def apply_policy(opened: Cache, rules: PruneRules, *, quiet: bool) -> tuple[str, ...]:
    """Remove names by the policy of the cache, and collect; return the names."""
    removed = opened.prune(opened.plan_prune(rules))
    report = opened.collect(opened.plan_collection())
    if not quiet:
        output.print_stderr(f"freed {output.size(report.freed)}")
    return tuple(root.name for root in removed if root.name is not None)
