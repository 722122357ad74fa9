"""``cachedb export``: write images of the cache into an archive."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import PlatformOption, QuietOption, SomeNamesArgument
from cachedb.cli.options.query import (
    ParamOption,
    TimeZoneOption,
    WhereOption,
    chosen_names,
    selection,
)
from cachedb.cli.render import output
from cachedb.errors import InvalidInput
from cachedb.operations.archives.export_formats import Form

if TYPE_CHECKING:
    from cachedb.operations.archives.export import Exported


def command(
    outfile: Annotated[
        str,
        typer.Option("--outfile", "-o", metavar="FILE", help="Output file; - is stdout."),
    ],
    names: SomeNamesArgument = None,
    where: WhereOption = None,
    param: ParamOption = None,
    tz: TimeZoneOption = None,
    cache: CacheOption = None,
    platform: PlatformOption = None,
    arch: Annotated[
        list[str] | None,
        typer.Option(
            "--arch", metavar="ARCH", help="Same as --platform linux/ARCH. Can be repeated."
        ),
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="Format of the archive.")] = Form.OCI,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name of the only image in the archive."),
    ] = None,
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
    from cachedb.oci import Platform, Reference
    from cachedb.operations.archives.export import ExportOptions

    wanted = [*(platform or ()), *(f"linux/{each}" for each in arch or ())]
    options = ExportOptions(
        form=form,
        platforms=tuple(map(Platform.parse, wanted)),
        name=None if name is None else str(Reference.parse(name).with_default_tag()),
        is_forced=force,
    )
    with open_cache(cache) as opened:
        _check_outfile(outfile, opened.layout.root)
        query = selection(opened, where, param, tz, quiet=quiet)
        plan = opened.plan_export(chosen_names(opened, names, query), options)
        chunks = opened.export(plan)
        if outfile == "-":
            for chunk in chunks:
                sys.stdout.buffer.write(chunk)
        else:
            output_file.write(outfile, chunks)
    for note in plan.notes:
        output.tell(f"cachedb: {output.show(note)}")
    if not quiet:
        for image in plan.images:
            _tell(image)


def _check_outfile(outfile: str, root: Path) -> None:
    """Refuse no name, a terminal, and a file of the cache: index.json, a blob, the catalog."""
    if not outfile:
        raise InvalidInput("--outfile is empty", hint="--outfile FILE, or - for stdout")
    if outfile == "-" and sys.stdout.isatty():
        raise InvalidInput("refusing to write an archive to a terminal", hint="--outfile FILE")
    if outfile != "-" and Path(outfile).resolve().is_relative_to(root.resolve()):
        raise InvalidInput(
            f"{outfile!r} is inside the cache {str(root)!r}", hint="--outfile FILE elsewhere"
        )


def _tell(image: Exported) -> None:
    output.tell(f"{image.name or '<none>'}  {image.digest}")
    if image.left_out:
        output.tell(f"skipped platforms that were not pulled: {', '.join(image.left_out)}")
