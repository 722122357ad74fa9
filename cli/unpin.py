"""``cachedb unpin``: remove the pins of names."""

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
    """Remove the pins of names, so that they can be removed.

    A pinned name that another tool has removed from the cache loses its pin as well.
    """
    with open_cache(cache) as opened:
        unpinned = opened.unpin(names)
    print_changed_names(unpinned, "unpinned", form, quiet=quiet)
