"""``cachedb cat``: content of one file of an image."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from cachedb.cli.feedback.choices import QuietValueOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.completion import names as complete
from cachedb.cli.options.image_paths import (
    SingleArchOption,
    SinglePlatformOption,
    parse_image_path,
    single_platform,
)
from cachedb.errors import InvalidInput

_CHUNK = 1 << 20


def command(
    ctx: typer.Context,
    image: Annotated[
        str,
        typer.Argument(
            metavar="NAME:PATH",
            help="A name or a digest, and the absolute path of a file.",
            autocompletion=complete,
        ),
    ],
    cache: CacheOption = None,
    platform: SinglePlatformOption = None,
    arch: SingleArchOption = None,
    form: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", help="Refused: a file is printed unchanged."),
    ] = "",
    quiet: QuietValueOption = False,
) -> None:
    """Print one file of an image, after the digest of its layer was checked.

    Symlinks are followed inside the image. Nothing is printed if the layer is damaged. The content
    is printed unchanged, in no other format.
    """
    del form, quiet  # which has no effect on a file
    _refuse_format(ctx)
    name, path = parse_image_path(image)
    if path is None:
        hint = f"cachedb cat {shlex.quote(f'{image}:/etc/os-release')}"
        raise InvalidInput(f"{image!r} has no path of a file", hint=hint)
    wanted = single_platform(platform, arch)
    with open_cache(cache) as opened:
        content = opened.read_file(name, path, wanted)
    with content.stream as stream:
        while chunk := stream.read(_CHUNK):
            sys.stdout.buffer.write(chunk)


def _refuse_format(ctx: typer.Context) -> None:
    """Refuse --format on the command line; a default of the environment is ignored."""
    source = ctx.get_parameter_source("form")
    if source is not None and source.name == "COMMANDLINE":
        hint = (
            "omit --format; cachedb files NAME:PATH --format json prints what is known of a file"
        )
        raise InvalidInput("cat prints the content of a file as it is, in no format", hint=hint)
