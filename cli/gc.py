"""``cachedb gc``: remove what nothing keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli import output
from cachedb.cli.options import (
    CacheOption,
    DryRunOption,
    FormatOption,
    QuietOption,
    open_cache,
    seconds,
)
from cachedb.cli.output import Column, Format
from cachedb.cli.policies import (
    DropOption,
    GraceOption,
    KeepOnlyOption,
    KeepOption,
    MaxDropOption,
    TrashOption,
    policy_of,
    print_decisions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.cache import Cache
    from cachedb.operations.garbage import GCPlan
    from cachedb.operations.gc import GCReport
    from cachedb.operations.retention import RetentionPlan


def _reason(code: str) -> str:
    from cachedb.operations.garbage import Reason

    return Reason(code).text


_COLUMNS = (
    Column("digest", lambda digest: output.digest(digest) if digest else ""),
    Column("path"),
    Column("kind"),
    Column("size", output.size, is_number=True),
    Column("action"),
    Column("reason", _reason),
    Column("name"),
)


def command(
    cache: CacheOption = None,
    grace: GraceOption = "1h",
    trash_ttl: TrashOption = None,
    drop: DropOption = None,
    keep: KeepOption = None,
    keep_only: KeepOnlyOption = None,
    max_drop: MaxDropOption = "100%",
    explain: Annotated[
        bool, typer.Option("--explain", help="List what a name keeps as well, and which.")
    ] = False,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Remove every blob that no name leads to.

    Blobs that another image still uses, that a running pull holds, or that were written within
    the grace stay. Nothing is removed when part of what a name leads to cannot be read.

    What is removed can come back for as long again: a tool that knows no locks may be about to
    use it. A later gc frees the space; --trash-ttl 0 frees it now, and so does --grace 0.

    With --drop or --keep-only, names are removed first. What a --keep selects and what is pinned
    always stays. A policy that would remove every name, or a --keep that selects none, is refused.
    """
    with open_cache(cache) as opened:
        policy = policy_of(opened, drop, keep, keep_only, max_drop)
        if policy is not None:
            retention = opened.plan_retention(policy)
            if not quiet:
                print_decisions(retention, form)
            if dry_run:
                _tell_names(retention)
                return
            opened.remove(retention.removal)
        quarantine = None if trash_ttl is None else seconds(trash_ttl)
        plan = opened.plan_collection(grace=seconds(grace), quarantine=quarantine)
        rows = [*_decisions(plan), *(_kept(opened) if explain else ())]
        report = None if dry_run else opened.collect(plan)
    if not quiet:
        _print(rows, form)
    _tell(plan, report)


def _tell_names(retention: RetentionPlan) -> None:
    freed = output.size(retention.removal.freed)
    names = output.count(len(retention.removal.roots), "name")
    output.tell(f"{names} would be removed, which frees {freed} in time")


def _tell(plan: GCPlan, report: GCReport | None) -> None:
    blobs = output.count(len(plan.garbage), "blob")
    if report is None:
        output.tell(f"{blobs} would be removed: {output.size(plan.size)}")
        return
    later = f", {output.size(report.quarantined)} later" if report.quarantined else ""
    output.tell(f"{blobs} removed: {output.size(report.freed)} freed{later}")


def _print(rows: list[tuple[object, ...]], form: Format) -> None:
    if form is not Format.TABLE:
        output.render(_COLUMNS, rows, form)
    elif rows:
        # What no row has to say needs no column on a screen.
        said = [i for i in range(len(_COLUMNS)) if any(row[i] is not None for row in rows)]
        columns = [_COLUMNS[i] for i in said]
        output.render(columns, ([row[i] for i in said] for row in rows), form)


def _decisions(plan: GCPlan) -> Iterator[tuple[object, ...]]:
    for action, candidates in (("remove", plan.garbage), ("keep", plan.spared)):
        for each in candidates:
            kind = each.kind.name.lower()
            yield each.digest, None, kind, each.size, action, str(each.reason), None
    for action, litter in (("remove", plan.litter), ("keep", plan.spared_litter)):
        for left in litter:
            kind = f"left by {left.tool}"
            yield None, left.path, kind, left.size, action, str(left.reason), None


def _kept(opened: Cache) -> Iterator[tuple[object, ...]]:
    from cachedb.operations.garbage import Reason

    for each in opened.kept():
        kind, name = each.kind.name.lower(), each.name or ""
        yield each.digest, None, kind, each.size, "keep", str(Reason.NAMED), name
