"""``cachedb untag``: remove names and keep images."""

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
    """Remove names and keep their images.

    An image without another name stays as an entry without a name, which its digest addresses;
    `cachedb rm` removes names and lets gc delete what no other name reaches. A pinned name is
    refused.
    """
    with open_cache(cache) as opened:
        roots = opened.untag(names)
    if quiet:
        for root in roots:
            output.say(root.digest)
        return
    if form is not Format.TABLE:
        rows = ((root.name, root.digest, "untagged") for root in roots)
        print_items(ACTIONS, rows, {"untagged": len(roots)}, form)
        return
    for root in roots:
        output.say(f"{output.show(root.name or '<none>')}  {root.digest}")
    output.tell(f"untagged {output.count(len(roots), 'name')}")
