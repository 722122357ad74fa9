"""``cachedb du``: disk usage of images, and what removing them frees."""

from __future__ import annotations

from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import FormatOption, QuietOption, SomeNamesArgument
from cachedb.cli.options.query import ParamOption, TimeZoneOption, WhereOption, selection
from cachedb.cli.render import fitting, output, tables
from cachedb.cli.render.tables import Column, Format

_COLUMNS = (
    Column(
        "names",
        lambda names: output.words(name or "<none>" for name in names),
        shorten=fitting.items,
    ),
    Column("digest", lambda digest: output.digest(digest) if digest else "<per platform>"),
    Column("size", output.size, is_number=True),
    Column("shared", output.size, is_number=True),
    Column("exclusive", output.size, is_number=True),
)
_TOTALS = (Column("what"), Column("size", output.size, is_number=True))


def command(
    names: SomeNamesArgument = None,
    where: WhereOption = None,
    param: ParamOption = None,
    tz: TimeZoneOption = None,
    cache: CacheOption = None,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Show disk usage: total, shared and exclusive.

    Exclusive blobs are those that removing the image frees. Several NAMEs are measured together.
    Without NAMEs, JSON has `images` and `totals`; --quiet prints only the totals.
    """
    with open_cache(cache) as opened:
        if names or where is not None:
            sizes = opened.usage_of(names or (), selection(opened, where, param, tz, quiet=quiet))
            totals = [
                ("size", sizes.size),
                ("shared", sizes.shared),
                ("exclusive", sizes.exclusive),
            ]
            rows = None
        else:
            usage = opened.usage()
            rows = [
                (list(image.names), image.digest, image.size, image.shared, image.exclusive)
                for image in usage.images
            ]
            totals = [
                ("exclusive", usage.exclusive),
                ("shared", usage.shared),
                ("garbage", usage.garbage),
                ("total", usage.total),
            ]
    if rows is None or quiet:
        tables.render(_TOTALS, totals, form)
    elif form is Format.JSON:
        images = [tables.as_object(_COLUMNS, row) for row in rows]
        tables.render_tree({"images": images, "totals": dict(totals)}, form)
    else:
        tables.render(_COLUMNS, rows, form)
        if form is Format.TABLE:
            output.say()
            tables.render(_TOTALS, totals, form, head=False)
