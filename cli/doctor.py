"""``cachedb doctor``: diagnose a cache, rebuild its catalog, restore its names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.feedback.choices import SilentOption, observer
from cachedb.cli.options.cache import CacheOption, catalog_url
from cachedb.cli.options.cache_folder import cache_folder
from cachedb.cli.options.common import FormatOption
from cachedb.cli.render import fitting, output, tables
from cachedb.cli.render.tables import Column, Format
from cachedb.errors import InvalidInput, ValidationFailed

if TYPE_CHECKING:
    from pathlib import Path

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

AttachOption = Annotated[
    bool,
    typer.Option(
        "--attach", help="Make the catalog in the server of --catalog that of this cache first."
    ),
]
NewCatalogOption = Annotated[
    bool,
    typer.Option(
        "--new-catalog", help="Give a copied cache a catalog of its own in the server first."
    ),
]


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
    attach: AttachOption = False,
    new_catalog: NewCatalogOption = False,
    form: FormatOption = Format.TABLE,
    quiet: SilentOption = False,
) -> None:
    """Diagnose files, catalog, locks, permissions, temporary files and free space.

    Changes nothing unless one of the first four options is given. A rebuild keeps data that only
    the catalog has, such as pull times, of images that still exist.

    Exit code 8 if there is an error or a warning; notes do not count. Leftovers of killed
    operations of cachedb are notes: the next command that needs the space, or gc, removes them.
    """
    from cachedb.cache import Cache
    from cachedb.operations.check.findings import LEFT_BY_KILLED, Level

    folder, url = cache_folder(cache), catalog_url()
    if attach or new_catalog:
        _choose_catalog(folder, url, is_new=new_catalog)
    if restore_names:
        names = Cache.restore_names(folder, catalog=url)
        if not quiet:
            output.print_stderr(f"restored {output.count(names, 'name')}")
    if rebuild:
        made = Cache.rebuild(folder, catalog=url, progress=observer())
        if not quiet:
            output.print_stderr(
                f"rebuilt the catalog; kept {output.count(made.user_state, 'fact')} of the old one"
            )
    found = Cache.examine(folder, catalog=url, progress=observer())
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


def _choose_catalog(folder: Path, url: str | None, *, is_new: bool) -> None:
    """Attach the catalog in a server to the cache, or give the cache another one."""
    from cachedb.cache import Cache

    if url is None:
        option = "--new-catalog" if is_new else "--attach"
        raise InvalidInput(f"{option} needs --catalog URL", hint="cachedb doctor --help")
    if is_new:
        Cache.detach(folder)
        Cache.open(folder, catalog=url).close()
        output.print_stderr("made a catalog of its own in the server")
    else:
        name = Cache.attach(folder, url)
        Cache.open(folder, catalog=url).close()
        output.print_stderr(f"attached the catalog {name}")
