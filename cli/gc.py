"""``cachedb gc``: delete unreferenced blobs, and images that a policy drops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import DryRunOption, FormatOption
from cachedb.cli.options.policies import (
    DropOption,
    GraceOption,
    KeepOnlyOption,
    KeepOption,
    MaxDropOption,
    TrashOption,
    TrustClockOption,
    WhereBlobsOption,
    policy_of,
)
from cachedb.cli.options.query import ParamOption, TimeZoneOption, print_notes, read_query
from cachedb.cli.options.values import seconds
from cachedb.cli.render import output
from cachedb.cli.render.plans import (
    print_blob_summary,
    print_plan,
    print_policy_summary,
    rows_of,
    rows_of_kept,
    summary_of,
)
from cachedb.cli.render.tables import Format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.operations.gc.mark import GCPlan, Kept
    from cachedb.operations.gc.retention import RetentionPlan
    from cachedb.operations.gc.sweep import GCReport


def command(
    cache: CacheOption = None,
    where: WhereBlobsOption = None,
    grace: GraceOption = "1h",
    trash_ttl: TrashOption = None,
    drop: DropOption = None,
    keep: KeepOption = None,
    keep_only: KeepOnlyOption = None,
    max_drop: MaxDropOption = None,
    trust_clock: TrustClockOption = False,
    param: ParamOption = None,
    tz: TimeZoneOption = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="List referenced blobs too, each with an image."),
    ] = False,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Delete unreferenced blobs.

    Blobs that an image references, that a running operation holds, or that are younger than
    --grace stay. If a reachable document cannot be read, nothing is deleted.

    Deleted blobs stay in quarantine for --trash-ttl, because a tool without locks may be about to
    reference them. A later gc frees the space; --trash-ttl 0 or --grace 0 frees it now.

    With --drop or --keep-only, images are removed first. Images that match --keep and pinned
    images stay. A policy that drops every image, a --keep that matches none, or dropping by age
    with a clock that is far ahead of the last activity, is refused.

    With --where, only unreferenced blobs that match the query are deleted.
    """
    with open_cache(cache) as opened:
        chosen = None if where is None else read_query(opened, where, param, tz, "blobs")
        policy = policy_of(opened, drop, keep, keep_only, max_drop, trust_clock, param, tz)
        if not quiet:
            of_policy = () if policy is None else (*policy.drop, *policy.keep)
            print_notes(opened, (*of_policy, *filter(None, (chosen,))))
        retention = None if policy is None else opened.plan_retention(policy)
        removal = None if retention is None else retention.removal
        held = opened.kept_besides(removal) if removal and (dry_run or explain) else ()
        if removal is not None and not dry_run:
            opened.remove(removal)
        plan = opened.plan_collection(
            grace=seconds(grace),
            quarantine=None if trash_ttl is None else seconds(trash_ttl),
            after=removal if dry_run else None,
            where=chosen,
        )
        rows = list(rows_of(plan))
        if explain:
            rows += rows_of_kept(opened.kept() if removal is None else held)
        report = None if dry_run else opened.collect(plan)
    if quiet:
        _print_digests(plan)
        return
    print_plan(retention, rows, summary_of(retention, plan, report), form)
    _print_outcome(retention, held, plan, report)


def _print_digests(plan: GCPlan) -> None:
    if plan.garbage:  # printed at once: unbuffered, each call of print is a system call
        output.print_stdout("\n".join(candidate.digest for candidate in plan.garbage))


def _print_outcome(
    retention: RetentionPlan | None,
    held: Sequence[Kept],
    plan: GCPlan,
    report: GCReport | None,
) -> None:
    if retention is not None:
        print_policy_summary(retention)
        _print_names(retention, held, is_done=report is not None)
    print_blob_summary(plan, report)


def _print_names(plan: RetentionPlan, held: Sequence[Kept], *, is_done: bool) -> None:
    names = output.count(len(plan.removal.roots), "name")
    if is_done:
        output.print_stderr(f"removed {names}")
        return
    freed = output.size(plan.removal.freed)
    output.print_stderr(f"would remove {names}; gc can then free {freed}")
    output.print_shared_blobs(held)
