"""Options and arguments of several commands: output, names, platforms, confirmation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.options.completion import names
from cachedb.cli.render.tables import Format, parse_format

if TYPE_CHECKING:
    from cachedb.oci import Platform

FormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        parser=parse_format,
        metavar="FORMAT",
        help="table, json, jsonl, csv, or a template such as '{name} {size}'.",
        autocompletion=lambda: list(Format),
    ),
]
NestedFormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        parser=parse_format,
        metavar="FORMAT",
        help="table, json or jsonl.",
        autocompletion=lambda: [Format.TABLE, Format.JSON, Format.JSONL],
    ),
]
NullOption = Annotated[
    bool,
    typer.Option(
        "--null",
        "-0",
        help="End lines with NUL, for xargs -0; with --quiet or a template.",
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
    typer.Option(
        "--platform", "-p", metavar="OS/ARCH[/VARIANT]", help="Platform. Can be repeated."
    ),
]
ArchOption = Annotated[
    list[str] | None,
    typer.Option("--arch", metavar="ARCH", help="Same as --platform linux/ARCH. Can be repeated."),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Print the plan and change nothing.")
]


def platforms(platform: list[str] | None, arch: list[str] | None) -> tuple[Platform, ...]:
    """Parse the values of --platform and --arch.

    Raises:
        InvalidPlatform: A value is not a platform.
    """
    from cachedb.oci import Platform

    return tuple(
        map(Platform.parse, (*(platform or ()), *(f"linux/{each}" for each in arch or ())))
    )
