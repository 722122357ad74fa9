"""``cachedb cache``: location of the cache."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from cachedb.cli.feedback.choices import QuietValueOption
from cachedb.cli.options.cache import CacheOption
from cachedb.cli.options.cache_folder import cache_folder
from cachedb.cli.options.common import FormatOption
from cachedb.cli.render import output, tables
from cachedb.cli.render.tables import Column, Format


class Question(StrEnum):
    """Property of the cache to print."""

    DIR = "dir"


def command(
    question: Annotated[
        Question, typer.Argument(help="dir: print the directory.", show_choices=False)
    ],
    cache: CacheOption = None,
    form: FormatOption = Format.TABLE,
    quiet: QuietValueOption = False,
) -> None:
    """Print the directory of the cache, which need not exist.

    It is that of --cache, of CACHEDB_CACHE, of LINUXKIT_CACHE or of the configuration file, else
    cachedb/layout in the cache directory of the user.
    """
    del question
    folder = str(cache_folder(cache).absolute())
    if quiet or form is Format.TABLE:
        output.print_stdout(output.show(folder))
    else:
        tables.render((Column("dir"),), [(folder,)], form)
