"""``cachedb export``: write images of the cache into an archive."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.archives import FormatsOption, NameOption, OutfileOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import (
    ArchOption,
    PlatformOption,
    SomeNamesArgument,
    platforms,
)
from cachedb.cli.options.query import (
    ParamOption,
    TimeZoneOption,
    WhereOption,
    chosen_names,
    selection,
)
from cachedb.cli.render import output
from cachedb.cli.render.actions import print_items
from cachedb.cli.render.tables import Column, Format, parse_format
from cachedb.errors import InvalidInput
from cachedb.operations.archives.export_formats import Form

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cachedb.operations.archives.export import Exported

_COLUMNS = tuple(map(Column, ("name", "digest", "left_out")))


def command(
    outfile: OutfileOption,
    names: SomeNamesArgument = None,
    where: WhereOption = None,
    param: ParamOption = None,
    tz: TimeZoneOption = None,
    cache: CacheOption = None,
    platform: PlatformOption = None,
    arch: ArchOption = None,
    form: FormatsOption = None,
    name: NameOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Accept an image of another platform than requested.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Export images as an OCI archive, for docker load, or one as a file tree.

    An OCI archive holds every platform in the cache, or those of --platform. The other formats
    hold one: by default, that of this machine. The file appears when it is complete, and not at
    all if a blob is missing or corrupt.
    """
    from cachedb.archive import output_file
    from cachedb.oci import Reference
    from cachedb.operations.archives.export import ExportOptions

    archive, listed = _formats(form or ())
    options = ExportOptions(
        form=archive,
        platforms=platforms(platform, arch),
        name=None if name is None else str(Reference.parse(name).with_default_tag()),
        is_forced=force,
    )
    with open_cache(cache) as opened:
        _check_outfile(outfile, listed, opened.layout.root)
        query = selection(opened, where, param, tz, quiet=quiet)
        plan = opened.plan_export(chosen_names(opened, names, query), options)
        chunks = opened.export_chunks(plan)
        if outfile == "-":
            for chunk in chunks:
                sys.stdout.buffer.write(chunk)
        else:
            output_file.write(outfile, chunks)
    for note in () if quiet else plan.notes:
        output.print_stderr(f"cachedb: {output.show(note)}")
    if not quiet and listed is Format.TABLE:
        for image in plan.images:
            _print_outcome(image)
    elif outfile != "-":
        summary = {"images": len(plan.images), "outfile": outfile, "format": str(archive)}
        print_items(_COLUMNS, plan.images, summary, "{digest}" if quiet else listed)


def _formats(given: Sequence[str]) -> tuple[Form, str]:
    """Return the format of the archive and that of the list of images."""
    archive = Form.OCI
    listed: str = Format.TABLE
    for each in given:
        if each in set(Form):
            archive = Form(each)
        else:
            listed = _format_of_list(each)
    return archive, listed


def _format_of_list(text: str) -> str:
    try:
        return parse_format(text)
    except typer.BadParameter as error:
        why = f"invalid value for '--format': {error.message.removesuffix('.')}"
        raise InvalidInput(why, hint=f"for the archive, one of {', '.join(Form)}") from error


def _check_outfile(outfile: str, listed: str, root: Path) -> None:
    """Refuse no name, a terminal, and a file of the cache: index.json, a blob, the catalog."""
    if not outfile:
        raise InvalidInput("--outfile is empty", hint="--outfile FILE, or - for stdout")
    if outfile == "-" and sys.stdout.isatty():
        raise InvalidInput("refusing to write an archive to a terminal", hint="--outfile FILE")
    if outfile == "-" and listed is not Format.TABLE:
        raise InvalidInput(
            "stdout is the archive, and cannot have the list", hint="--outfile FILE"
        )
    if outfile != "-":
        from cachedb.archive import output_file

        output_file.refuse_inside(root, outfile)


def _print_outcome(image: Exported) -> None:
    output.print_stderr(f"{image.name or '<none>'}  {image.digest}")
    if image.left_out:
        output.print_stderr(f"skipped platforms that were not pulled: {', '.join(image.left_out)}")
