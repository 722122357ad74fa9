"""Options of export."""

from __future__ import annotations

from typing import Annotated

import typer

from cachedb.cli.render.tables import Format
from cachedb.operations.archives.export_formats import Form

OutfileOption = Annotated[
    str,
    typer.Option("--outfile", "-o", metavar="FILE", help="Output file; - is stdout."),
]
NameOption = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="Name of the only image in the archive."),
]
FormatsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="oci, docker or filesystem for the archive; json, jsonl, csv or a template for "
        "the list of images. Can be repeated.",
        show_default="oci",
        autocompletion=lambda: [*Form, *Format],
    ),
]
