"""``cachedb doctor``: diagnose a cache, rebuild its catalog, restore its names."""

from __future__ import annotations

from typing import Annotated

import typer

from cachedb.cli.options.cache import CacheOption
from cachedb.cli.options.cache_folder import cache_folder
from cachedb.cli.options.common import FormatOption, QuietOption
from cachedb.cli.render import fitting, output, tables
from cachedb.cli.render.tables import Column, Format
from cachedb.errors import ValidationFailed

_COLUMNS = (
    Column("level"),
    Column("finding"),
    Column("path"),
    Column("detail", shorten=fitting.whole),
    Column(
        "images",
        lambda names: output.words(name or "<none>" for name in names),
        shorten=fitting.items,
    ),
    Column("hint", shorten=fitting.whole),
)


def command(
    cache: CacheOption = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Rebuild the catalog from the files first.")
    ] = False,
    restore_names: Annotated[
        bool,
        typer.Option(
            "--restore-names", help="Replace an unreadable index.json by its last copy first."
        ),
    ] = False,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Diagnose files, catalog, locks, permissions, temporary files and free space.

    Changes nothing unless one of the two options is given. A rebuild keeps data that only the
    catalog has, such as pull times, for images that are still there.

    Exit code 8 if there is an error or a warning; notes do not count. What killed operations of
    cachedb left is a note: the next command that needs it, or gc, clears it.
    """
    from cachedb.cache import Cache
    from cachedb.operations.check.findings import LEFT_BY_KILLED, Level

    folder = cache_folder(cache)
    if restore_names:
        names = Cache.restore_names(folder)
        output.print_stderr(f"restored {output.count(names, 'name')}")
    if rebuild:
        made = Cache.rebuild(folder)
        output.print_stderr(
            f"rebuilt the catalog; kept {output.count(made.user_state, 'fact')} of the old one"
        )
    found = Cache.examine(folder)
    if not quiet and (found or form is not Format.TABLE):
        rows = (
            (str(each.level), str(each.code), each.path, each.detail, list(each.names), each.hint)
            for each in found
        )
        tables.render(_COLUMNS, rows, form)
    faults = [each for each in found if each.level is not Level.NOTE]
    if faults:
        raise ValidationFailed(output.count(len(faults), "finding"))
    if quiet:
        return
    left = sum(each.code in LEFT_BY_KILLED for each in found)
    output.print_stderr(
        f"no faults; {output.count(left, 'leftover')} of killed operations"
        if left
        else "no findings"
    )
