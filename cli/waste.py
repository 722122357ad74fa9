"""``cachedb waste``: bytes that images store in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import FormatOption, SomeNamesArgument
from cachedb.cli.options.query import (
    ParamOption,
    TimeZoneOption,
    WhereOption,
    print_if_empty,
    selection,
)
from cachedb.cli.render import output, tables, wasted_space
from cachedb.cli.render.tables import Column, Format
from cachedb.errors import ValidationFailed

if TYPE_CHECKING:
    from cachedb.operations.files.waste import ImageWaste, WasteReport

_PERCENT = 100
_SHOWN = 10
_IMAGES = (
    Column("name"),
    Column("platform"),
    Column("stored", output.size, is_number=True),
    Column("overwritten", output.size, is_number=True),
    Column("deleted", output.size, is_number=True),
    Column("efficiency", lambda value: f"{value:.1f}%", is_number=True),
)
_FILES = (
    Column("state"),
    Column("size", output.size, is_number=True),
    Column("layer", output.digest),
    Column("path"),
)
_DUPLICATES = (
    Column("copies", is_number=True),
    Column("size", output.size, is_number=True),
    Column("wasted", output.size, is_number=True),
    Column("path"),
)


def command(
    names: SomeNamesArgument = None,
    where: WhereOption = None,
    param: ParamOption = None,
    tz: TimeZoneOption = None,
    cache: CacheOption = None,
    form: FormatOption = Format.TABLE,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            min=0,
            help="Files to print, the largest first; 0 for all. Default: 10 in a table, else all.",
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Show bytes that later layers overwrite or delete, and files stored more than once.

    Sizes are those of uncompressed files. Efficiency is the part of an image's stored bytes that
    a container sees. Without NAMEs, measures every image of the cache, which reads every layer.
    """
    with open_cache(cache) as opened:
        query = selection(opened, where, param, tz, quiet=quiet or form is not Format.TABLE)
        report = opened.waste(names or (), query)
        print_if_empty(opened, query, report.images or report.unread, quiet=quiet)
    if quiet:
        output.print_digests(image.digest for image in report.images)
    elif form is Format.JSON:
        tables.render_tree(wasted_space.as_json(report, limit or None), form)
    elif form is Format.JSONL:
        for line in wasted_space.as_json_lines(report, limit or None):
            tables.render_tree(line, form)
    else:
        tables.render(_IMAGES, map(_image_row, report.images), form)
        if form is Format.TABLE:
            _print_files(report, _SHOWN if limit is None else limit or None)
    if report.unread:
        first = report.unread[0]
        images = output.count(len(report.unread), "image")
        raise ValidationFailed(f"cannot measure {images}, first {first.name!r}: {first.error}")


def _image_row(image: ImageWaste) -> tuple[object, ...]:
    return (
        image.name,
        image.platform.full if image.platform else None,
        image.stored,
        image.overwritten,
        image.deleted,
        round(image.efficiency * _PERCENT, 1),
    )


def _print_files(report: WasteReport, limit: int | None) -> None:
    files = {(f.layer, f.path): f for image in report.images for f in image.files}
    largest = sorted(files.values(), key=lambda file: (-file.size, file.path))
    if largest:
        output.print_stdout()
        tables.render(
            _FILES,
            ((str(file.state), file.size, file.layer, file.path) for file in largest[:limit]),
            Format.TABLE,
        )
    if report.duplicates:
        output.print_stdout()
        tables.render(
            _DUPLICATES,
            (
                (each.copies, each.size, each.wasted, each.places[0][1])
                for each in report.duplicates[:limit]
            ),
            Format.TABLE,
        )
    totals = sum(each.wasted for each in report.duplicates)
    shown = output.size(sum(file.size for file in largest))
    output.print_stdout()
    output.print_stdout(
        f"hidden by later layers: {shown}, stored more than once: {output.size(totals)}"
    )
