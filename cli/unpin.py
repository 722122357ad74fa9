"""``cachedb unpin``: remove the pins of names."""

from __future__ import annotations

from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import FormatOption, NamesArgument, QuietOption
from cachedb.cli.render import output
from cachedb.cli.render.actions import print_items
from cachedb.cli.render.removals import ACTIONS
from cachedb.cli.render.tables import Format


def command(
    names: NamesArgument,
    cache: CacheOption = None,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Remove the pins of names, so that they can be removed.

    A pinned name that another tool has removed from the cache loses its pin as well.
    """
    with open_cache(cache) as opened:
        unpinned = opened.unpin(names)
    if quiet:
        for root in unpinned:
            output.say(root.digest)
        return
    if form is not Format.TABLE:
        rows = ((root.name, root.digest, "unpinned") for root in unpinned)
        print_items(ACTIONS, rows, {"unpinned": len(unpinned)}, form)
        return
    for root in unpinned:
        output.say(f"{output.show(root.name or '<none>')}  {root.digest}")
    output.tell(f"unpinned {output.count(len(unpinned), 'name')}")
