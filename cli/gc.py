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
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Remove every blob that no name leads to.

    Blobs that another image still uses, that a running pull holds, or that were written within
    the grace stay. Nothing is removed when part of what a name leads to cannot be read.
    """
    with open_cache(cache) as opened:
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
