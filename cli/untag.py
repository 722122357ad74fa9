"""``cachedb untag``: remove names and keep images."""

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
    """Remove names and keep their images.

    An image without another name stays as an entry without a name, which its digest addresses;
    `cachedb rm` removes names, and gc deletes the blobs that no other name reaches. A pinned name
    is refused.
    """
    with open_cache(cache) as opened:
        roots = opened.untag(names)
    print_changed_names(roots, "untagged", form, quiet=quiet)
