"""``cachedb gc``: remove what nothing keeps."""

from __future__ import annotations

from typing import Annotated

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
    KeepOnlyOption,
    KeepOption,
    MaxDropOption,
    policy_of,
    print_decisions,
)

_COLUMNS = (
    Column("digest", output.digest),
    Column("kind"),
    Column("size", output.size, is_number=True),
    Column("action"),
    Column("reason"),
)


def command(
    cache: CacheOption = None,
    grace: Annotated[
        str,
        typer.Option(
            "--grace", metavar="AGE", help="Spare what is younger: 0, 90s, 30min, 1h, 2d."
        ),
    ] = "1h",
    drop: DropOption = None,
    keep: KeepOption = None,
    keep_only: KeepOnlyOption = None,
    max_drop: MaxDropOption = "100%",
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Remove every blob that no name leads to.

    Blobs that another image still uses, that a running pull holds, or that were written within
    the grace stay. Nothing is removed when part of what a name leads to cannot be read.

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
                freed_by_names = output.size(retention.removal.freed)
                names = output.count(len(retention.removal.roots), "name")
                output.tell(f"{names} would be removed, which frees {freed_by_names} in time")
                return
            opened.remove(retention.removal)
        plan = opened.plan_collection(grace=seconds(grace))
        freed = None if dry_run else opened.collect(plan).freed
    if not quiet:
        rows = [
            (each.digest, each.kind.name.lower(), each.size, action, str(each.reason))
            for action, candidates in (("remove", plan.garbage), ("keep", plan.spared))
            for each in candidates
        ]
        if rows or form is not Format.TABLE:
            output.render(_COLUMNS, rows, form)
    blobs = output.count(len(plan.garbage), "blob")
    if freed is None:
        output.tell(f"{blobs} would be removed: {output.size(plan.size)}")
    else:
        output.tell(f"{blobs} removed: {output.size(freed)} freed")
