"""``cachedb doctor``: what is wrong with a cache, and what can be made anew."""

from __future__ import annotations

from typing import Annotated

import typer

from cachedb.cli.options.cache import CacheOption
from cachedb.cli.options.cache_folder import cache_folder
from cachedb.cli.options.common import FormatOption, QuietOption
from cachedb.cli.render import output, tables
from cachedb.cli.render.tables import Column, Format
from cachedb.errors import ValidationFailed

_COLUMNS = (
    Column("level"),
    Column("finding"),
    Column("path"),
    Column("detail"),
    Column("images", lambda names: output.words(name or "<none>" for name in names)),
    Column("hint"),
)


def command(
    cache: CacheOption = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="First make the catalog anew from the files.")
    ] = False,
    restore_names: Annotated[
        bool,
        typer.Option(
            "--restore-names", help="First put the copy of index.json in place of a broken one."
        ),
    ] = False,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Look for what is wrong: files, catalog, locks, permissions, leftovers, space.

    Nothing is changed, unless one of the two options is given. A rebuild keeps what the catalog
    alone knows, such as when an image was pulled, as far as it is still true.

    Ends with exit code 8 when there is an error or a warning; a note is no fault.
    """
    from cachedb.cache import Cache
    from cachedb.operations.check.findings import Level

    folder = cache_folder(cache)
    if restore_names:
        names = Cache.restore_names(folder)
        output.tell(f"{output.count(names, 'name')} restored")
    if rebuild:
        made = Cache.rebuild(folder)
        output.tell(f"the catalog was made anew; {output.count(made.hints, 'hint')} kept")
    found = Cache.examine(folder)
    if not quiet and (found or form is not Format.TABLE):
        rows = (
            (str(each.level), str(each.code), each.path, each.detail, list(each.names), each.hint)
            for each in found
        )
        tables.render(_COLUMNS, rows, form)
    faults = [each for each in found if each.level is not Level.NOTE]
    if faults:
        raise ValidationFailed(f"{output.count(len(faults), 'fault')} found")
    if not quiet:
        output.tell("no fault found")
