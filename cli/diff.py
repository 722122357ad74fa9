"""``cachedb diff``: differences of two images."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.feedback.choices import QuietDiffOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.completion import names as complete
from cachedb.cli.options.image_paths import (
    SingleArchOption,
    SinglePlatformOption,
    single_platform,
)
from cachedb.cli.render import output, tables
from cachedb.cli.render.tables import Format

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    UNIFIED = "unified"


def command(
    before: Annotated[
        str, typer.Argument(metavar="A", help="A name or a digest.", autocompletion=complete)
    ],
    after: Annotated[
        str, typer.Argument(metavar="B", help="A name or a digest.", autocompletion=complete)
    ],
    cache: CacheOption = None,
    platform: SinglePlatformOption = None,
    arch: SingleArchOption = None,
    form: Annotated[
        _Format,
        typer.Option("--format", help="Table, JSON, JSON lines, or a diff of the text files."),
    ] = _Format.TABLE,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with exit code 8 if the images differ.")
    ] = False,
    quiet: QuietDiffOption = False,
) -> None:
    """Compare two images: configuration, packages and files.

    Times of modification are not compared. + is only in B, - only in A, ~ differs. Packages
    are those of the SBOMs in the cache. The diff of text files can be read by patch -p1.
    """
    from cachedb.cli.render import differences
    from cachedb.errors import ValidationFailed

    wanted = single_platform(platform, arch)
    with open_cache(cache) as opened:
        found = opened.compare(before, after, wanted)
        if quiet:
            pass
        elif form is _Format.UNIFIED:
            _print_lines(opened.text_difference(found))
        elif form is _Format.JSON:
            tables.render_tree(differences.as_json(found), Format.JSON)
        elif form is _Format.JSONL:
            for line in differences.as_json_lines(found):
                tables.render_tree(line, Format.JSONL)
        else:
            differences.print_table(found)
    if not found.is_empty and (quiet or exit_code):
        raise ValidationFailed(differences.summary(found))


def _print_lines(lines: Iterator[str]) -> None:
    """Print the lines of a diff: unchanged into a pipe, with escapes on a terminal."""
    if sys.stdout.isatty():
        for line in lines:
            output.print_stdout("\t".join(map(output.show, line.split("\t"))))
        return
    sys.stdout.flush()
    for line in lines:
        sys.stdout.buffer.write(line.encode("utf-8", "surrogateescape") + b"\n")
