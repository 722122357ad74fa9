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
        many, freed = output.count(len(removed), "name"), output.size(plan.freed)
        output.tell(
            f"{many} would be removed, which would leave {freed} to gc"
            if dry_run
            else f"{many} removed, which leaves {freed} to gc"
        )
