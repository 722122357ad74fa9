"""``cachedb sample``: write two archives to try cachedb with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cachedb.cli.feedback.choices import SilentOption
from cachedb.cli.options.common import FormatOption
from cachedb.cli.render import output, tables
from cachedb.cli.render.tables import Column, Format


def command(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Directory to write to.", show_default=False)
    ] = Path(),
    form: FormatOption = Format.TABLE,
    quiet: SilentOption = False,
) -> None:
    """Write two sample archives, app.tar and tool.tar, to try commands on.

    app.tar contains an image for three platforms with provenance, tool.tar an image that shares a
    layer with it. Nothing is imported, and no cache is touched.
    """
    from cachedb.operations.archives import sample_images

    paths = sample_images.write(folder)
    if quiet:
        return
    if form is not Format.TABLE:
        tables.render((Column("path"),), [(str(path),) for path in paths], form)
    else:
        for path in paths:
            output.print_stdout(output.show(str(path)))
