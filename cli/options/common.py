"""Options and arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from cachedb.cli.options.completion import names
from cachedb.cli.render.tables import Format, parse_format

FormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        parser=parse_format,
        metavar="FORMAT",
        help="table, json, jsonl, csv, or a text with fields: '{name} {size}'.",
        autocompletion=lambda: list(Format),
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Say less.")]
NullOption = Annotated[
    bool,
    typer.Option(
        "--null",
        "-0",
        help="With --quiet or fields: end lines with a NUL, as xargs -0 reads them.",
    ),
]
NamesArgument = Annotated[
    list[str], typer.Argument(metavar="NAME...", help="Names or digests.", autocompletion=names)
]
SomeNamesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        help="Names or digests.",
        autocompletion=names,
    ),
]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A name or a digest.", autocompletion=names)
]
PlatformOption = Annotated[
    list[str] | None,
    typer.Option("--platform", "-p", metavar="OS/ARCH[/VARIANT]", help="May be given again."),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Say what would be done, and do nothing.")
]
