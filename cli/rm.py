"""``cachedb rm``: remove names."""

from __future__ import annotations

from cachedb.cli import output
from cachedb.cli.options import (
    CacheOption,
    DryRunOption,
    NamesArgument,
    QuietOption,
    open_cache,
)


def command(
    names: NamesArgument,
    cache: CacheOption = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Remove names from the cache; blobs stay until `cachedb gc`.

    An image that has another name, and layers that another image uses, are not touched.
    """
    with open_cache(cache) as opened:
        plan = opened.plan_removal(names)
        removed = plan.roots if dry_run else opened.remove(plan)
    for root in removed:
        output.say(
            root.digest if quiet else f"{output.show(root.name or '<none>')}  {root.digest}"
        )
    if not quiet:
        verb = "would free" if dry_run else "frees with the next gc"
        output.tell(f"{len(removed)} names: {verb} {output.size(plan.freed)}")
