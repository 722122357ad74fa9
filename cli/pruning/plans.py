"""Plans of prune: one row a name, with one reason, and the summary of an applied plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.cli.feedback.confirmation import confirm
from cachedb.cli.options.query import print_notes
from cachedb.cli.options.values import seconds
from cachedb.cli.render import output, tables
from cachedb.cli.render.actions import print_items
from cachedb.cli.render.tables import Column, Format
from cachedb.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.cache import Cache
    from cachedb.operations.gc.sweep import GCReport
    from cachedb.operations.prune.plan import PrunePlan
    from cachedb.operations.prune.rules import PruneRules

COLUMNS = (
    Column("name", lambda name: name or "<none>"),
    Column("digest", output.digest),
    Column("action"),
    Column("reason"),
    Column("used", output.moment),
    Column("freed", output.size, is_number=True),
)


def stored_policy(opened: Cache) -> str:
    """Return the text of the policy of a cache.

    Raises:
        NotFound: The cache has none.
    """
    text = opened.policy()
    if text is None or not text.strip():
        raise NotFound("this cache has no policy", hint="cachedb policy edit")
    return text


def prune(
    opened: Cache,
    rules: PruneRules,
    *,
    grace: str,
    trash_ttl: str | None,
    is_dry_run: bool,
    is_agreed: bool,
    form: str,
    quiet: bool,
) -> None:
    """Print the plan of rules, ask, remove its names, collect, and print the freed bytes.

    Raises:
        Declined: The answer is no; nothing is removed.
        Refused: stdin is not a terminal, and there is no --yes.
    """
    if not quiet:
        print_notes(opened, (*rules.drop, *rules.keep))
    age = seconds(grace)
    plan = opened.plan_prune(rules, grace=age)
    quarantine = None if trash_ttl is None else seconds(trash_ttl)
    is_table = form is Format.TABLE and not quiet
    if is_table:
        tables.render(COLUMNS, _rows(plan, form), form)
        _print_plan(plan)
    report = None
    removed = plan.removal.roots
    if removed and not is_dry_run:
        if not is_agreed:
            confirm(f"remove {output.count(_names(plan), 'name')}")
        removed = opened.prune(plan)
    if not is_dry_run:
        report = opened.collect(opened.plan_collection(grace=age, quarantine=quarantine))
    if quiet:
        for root in removed:
            output.print_stdout(root.digest)
        return
    if not is_table:
        print_items(COLUMNS, _rows(plan, form), _summary(plan, report), form)
    if report is not None:
        _print_report(plan, report, grace)


def _rows(plan: PrunePlan, form: str) -> Iterator[tuple[object, ...]]:
    for item in plan.items:
        used: object = item.used
        if form is not Format.TABLE:
            used = output.rfc3339(item.used)
        action = "remove" if item.is_removed else "keep"
        for place, root in enumerate(item.roots):
            freed = item.freed if place == 0 else 0
            yield item.name, root.digest, action, item.reason, used, freed


def _summary(plan: PrunePlan, report: GCReport | None) -> dict[str, object]:
    return {
        "names": _names(plan),
        "freed": plan.freed,
        "size_before": plan.before,
        "size_after": plan.size,
        "collected": None if report is None else report.freed,
        "quarantined": None if report is None else report.quarantined,
        "is_dry_run": report is None,
    }


def _names(plan: PrunePlan) -> int:
    return sum(item.is_removed for item in plan.items)


def _print_plan(plan: PrunePlan) -> None:
    for note in plan.notes:
        output.print_stderr(f"note: {note}")
    names, freed = output.count(_names(plan), "name"), output.size(plan.freed)
    left = f"{output.size(plan.size)} of {output.size(plan.before)} stay"
    output.print_stderr(f"would remove {names}; frees {freed}, {left}")


def _print_report(plan: PrunePlan, report: GCReport, grace: str) -> None:
    names, freed = output.count(_names(plan), "name"), output.size(report.freed)
    later = ""
    if report.quarantined:
        later = f", {output.size(report.quarantined)} quarantined (--grace 0 frees it now)"
    kept = plan.freed - report.freed - report.quarantined
    young = f"; {output.size(kept)} within the grace period ({grace})" if kept > 0 else ""
    output.print_stderr(f"removed {names}; freed {freed}{later}{young}")
