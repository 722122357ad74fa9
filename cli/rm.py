"""``cachedb rm``: remove names."""

from __future__ import annotations

from cachedb.cli import output
from cachedb.cli.options import (
    CacheOption,
    DryRunOption,
    QuietOption,
    SomeNamesArgument,
    WhereOption,
    open_cache,
    selection,
)
from cachedb.errors import InvalidInput


def command(
    names: SomeNamesArgument = None,
    where: WhereOption = None,
    cache: CacheOption = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Remove names from the cache; blobs stay until `cachedb gc`.

    An image that has another name, and layers that another image uses, are not touched.
    """
    with open_cache(cache) as opened:
        if not names and where is None:
            raise InvalidInput("say what to remove: names, or --where QUERY")
        plan = opened.plan_removal(names or (), selection(opened, where))
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
