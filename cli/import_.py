"""``cachedb import``: copy images of archives and other layouts into the cache."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, create_cache
from cachedb.cli.options.common import FormatOption
from cachedb.cli.options.indexing import IndexFilesOption, indexing, not_indexing
from cachedb.cli.render import output
from cachedb.cli.render.actions import print_items
from cachedb.cli.render.tables import Column, Format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.cache import Cache
    from cachedb.operations.archives.import_ import Imported, ImportOptions

_COLUMNS = tuple(map(Column, ("name", "digest", "state", "replaced", "missing")))


def command(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Archives or directories; - is stdin."),
    ],
    cache: CacheOption = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name for the only image of the archive."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace other images that have the same names.")
    ] = False,
    index_files: IndexFilesOption = False,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Import images from OCI archives and layouts, and from archives of docker save.

    Archives may be compressed with gzip or zstd.

    Names are those of the archive. A name of another image in the cache is an error without
    --replace.
    """
    from cachedb.operations.archives.import_ import ImportOptions

    options = ImportOptions(name=name, may_replace=replace)
    with (
        create_cache(cache) as opened,
        (indexing if index_files else not_indexing)(opened) as arrived,
    ):
        imported: list[Imported] = []
        try:
            for file in files:
                images = _take_in(opened, file, options)
                _print(images, form, quiet=quiet)
                imported += images
                arrived += [each.name or str(each.descriptor.digest) for each in images]
                if not images:
                    output.print_stderr(f"{file}: no images")
        finally:  # a file that fails does not undo those before it
            if form is not Format.TABLE and not quiet:
                summary = {"images": len(imported), "new": sum(each.is_new for each in imported)}
                print_items(_COLUMNS, map(_row, imported), summary, form)


def _take_in(opened: Cache, file: str, options: ImportOptions) -> Sequence[Imported]:
    folder = Path(file)
    if folder.is_dir():
        return opened.import_directory(folder, options)
    with _open(file) as stream:
        source = "standard input" if file == "-" else file
        return opened.import_archive(stream, source, options)


def _open(file: str) -> BinaryIO:
    if file == "-":
        return sys.stdin.buffer
    from cachedb.archive import input_file

    return input_file.opened(file)


def _print(imported: Sequence[Imported], form: str, *, quiet: bool) -> None:
    for image in imported:
        if quiet:
            output.print_stdout(image.descriptor.digest)
        elif form is Format.TABLE:
            state = f"replaced {image.replaced}" if image.replaced else _state(image)
            output.print_stdout(
                f"{output.show(image.name or '<none>')}  {image.descriptor.digest}  {state}"
            )
        for digest in () if quiet else image.missing:
            output.print_stderr(f"warning: {digest} is not in the archive")


def _row(image: Imported) -> tuple[object, ...]:
    digest, replaced = image.descriptor.digest, image.replaced
    return image.name, digest, _state(image), replaced, list(image.missing)


def _state(image: Imported) -> str:
    if image.replaced:
        return "replaced"
    return "imported" if image.is_new else "unchanged"
