"""``cachedb index``: index the files of layers for queries."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import NestedFormatOption, SomeNamesArgument
from cachedb.cli.options.query import (
    ParamOption,
    TimeZoneOption,
    WhereOption,
    print_if_empty,
    selection,
)
from cachedb.cli.render import output, tables
from cachedb.cli.render.tables import Format
from cachedb.errors import InvalidInput, ValidationFailed

if TYPE_CHECKING:
    from cachedb.operations.files.index_files import FilesIndexed


class _Subject(StrEnum):
    FILES = "files"


def command(
    what: Annotated[_Subject, typer.Argument(metavar="files", help="What to index.")],  # noqa: ARG001
    names: SomeNamesArgument = None,
    where: WhereOption = None,
    param: ParamOption = None,
    tz: TimeZoneOption = None,
    cache: CacheOption = None,
    form: NestedFormatOption = Format.TABLE,
    everything: Annotated[bool, typer.Option("--all", help="Index every image.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Remove the index.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Index the files of images, so that queries find them.

    `files`, `diff` and `waste` read the index instead of layers, too. Each layer is read once; a
    run that was interrupted continues with the layers that are left.

    Exit code 8 if a layer cannot be read.
    """
    if sum((bool(names), where is not None, everything, drop)) != 1:
        raise InvalidInput("name images, or give one of --where, --all and --drop")
    if form is not Format.TABLE:
        tables.refuse_columns(form)
    with open_cache(cache) as opened:
        if drop:
            existed = opened.drop_files_index()
            if quiet:
                return
            if form is not Format.TABLE:
                tables.render_tree({"dropped": existed}, form)
            else:
                output.print_stderr(
                    "removed the index of files" if existed else "there is no index of files"
                )
            return
        query = selection(opened, where, param, tz, quiet=quiet)
        found = opened.index_files(names or (), query)
        print_if_empty(opened, query, found.images, quiet=quiet)
    _print(found, form, quiet=quiet)
    if found.unread:
        image = found.unread[0]
        images = output.count(len(found.unread), "image")
        raise ValidationFailed(f"cannot read {images}, first {image.name!r}: {image.error}")
    if found.unreadable:
        first = found.unreadable[0]
        layers = output.count(len(found.unreadable), "layer")
        message = f"cannot read {layers}, first {first.digest}: {first.why}"
        raise ValidationFailed(message, hint=first.hint)


def _print(found: FilesIndexed, form: str, *, quiet: bool) -> None:
    if quiet:
        output.print_digests(found.layers)
    elif form is not Format.TABLE:
        tables.render_tree(_json(found), form)
    else:
        output.print_stderr(_summary(found))


def _summary(found: FilesIndexed) -> str:
    return (
        f"indexed {output.count(found.read, 'layer')} of {output.count(found.images, 'image')}, "
        f"{found.known} known before; {output.count(found.entries, 'file')}, "
        f"index {output.size(found.size)}"
    )


def _json(found: FilesIndexed) -> dict[str, Any]:
    return {
        "images": found.images,
        "read": found.read,
        "known": found.known,
        "entries": found.entries,
        "size": found.size,
        "unread": [{"name": each.name, "why": str(each.error)} for each in found.unread],
        "unreadable": [{"digest": str(each.digest), "why": each.why} for each in found.unreadable],
    }
