"""``cachedb pin``: protect names from removal."""

from __future__ import annotations

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import FormatOption, NamesArgument
from cachedb.cli.render.removals import print_changed_names
from cachedb.cli.render.tables import Format


def command(
    names: NamesArgument,
    cache: CacheOption = None,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Protect names from rm, gc, prune and clean.

    A pin belongs to the name, whichever image it has: it stays when the name is pulled again. It
    is an annotation in index.json and a record of the cache, and outlives the loss of either.
    """
    with open_cache(cache) as opened:
        pinned = opened.pin(names)
    print_changed_names(pinned, "pinned", form, quiet=quiet)
