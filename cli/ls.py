"""``cachedb ls``: what is in the cache."""

from __future__ import annotations

from cachedb.cli import output
from cachedb.cli.options import CacheOption, FormatOption, QuietOption, open_cache
from cachedb.cli.output import Column, Format

_COLUMNS = (
    Column("name", lambda name: name or "<none>"),
    Column("digest", output.digest),
    Column("platforms", output.words),
    Column("size", output.size, is_number=True),
    Column("state"),
)


def command(
    cache: CacheOption = None, form: FormatOption = Format.TABLE, quiet: QuietOption = False
) -> None:
    """List the images in the cache."""
    with open_cache(cache) as opened:
        listed = opened.list()
    if quiet:
        for listing in listed:
            output.say(listing.digest)
        return
    rows = (
        (each.name, each.digest, [str(p) for p in each.platforms], each.size, str(each.health))
        for each in listed
    )
    output.render(_COLUMNS, rows, form)
