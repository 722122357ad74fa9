"""``cachedb files``: files of an image, as a container sees them."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cachedb.cli.feedback.choices import QuietPathsOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import FormatOption, NullOption
from cachedb.cli.options.completion import names as complete
from cachedb.cli.options.image_paths import (
    SingleArchOption,
    SinglePlatformOption,
    parse_image_path,
    single_platform,
)
from cachedb.cli.render import output, tables
from cachedb.cli.render.tables import Column, Format
from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cachedb.operations.files.list_files import ListedFile

_NANOSECONDS: Final = 1_000_000_000
_FILE_TYPES: Final = {
    "file": stat.S_IFREG,
    "symlink": stat.S_IFLNK,
    "character device": stat.S_IFCHR,
    "block device": stat.S_IFBLK,
    "directory": stat.S_IFDIR,
    "fifo": stat.S_IFIFO,
}
_COLUMNS: Final = (
    Column("mode"),
    Column("uid", is_number=True),
    Column("gid", is_number=True),
    Column("size", is_number=True),
    Column("modified"),
    Column("path"),
    Column("target"),
    Column("type"),
    Column("layer", lambda digest: output.digest(digest or "")),
)
_LONG: Final = 7


def command(
    image: Annotated[
        str,
        typer.Argument(
            metavar="NAME[:PATH]",
            help="A name or a digest, and a path that begins with a slash.",
            autocompletion=complete,
        ),
    ],
    cache: CacheOption = None,
    platform: SinglePlatformOption = None,
    arch: SingleArchOption = None,
    form: FormatOption = Format.TABLE,
    tree: Annotated[bool, typer.Option("--tree", help="Print a tree of names.")] = False,
    quiet: QuietPathsOption = False,
    null: NullOption = False,
) -> None:
    """List the files of an image, as a container sees them.

    With PATH, lists that file or directory with everything below it. Files that upper layers
    overwrite or delete are not listed; `cachedb waste` finds those. Times are in UTC.
    """
    end = tables.line_end(form, quiet=quiet, null=null)
    if tree and (quiet or form is not Format.TABLE):
        raise InvalidInput("--tree prints names as a tree", hint="omit --quiet and --format")
    name, path = parse_image_path(image)
    wanted = single_platform(platform, arch)
    with open_cache(cache) as opened:
        found = opened.files(name, path or "/", wanted)
    if tree:
        for line in _tree(found):
            output.print_stdout(line)
    elif quiet:
        for file in found:
            output.print_stdout(output.show(file.path), end)
    elif form is Format.TABLE:
        rows = (_long(file) for file in found)
        tables.render(_COLUMNS[:_LONG], rows, form, head=False)
    else:
        tables.render(_COLUMNS, map(_row, found), form, end=end)


def _row(file: ListedFile) -> tuple[object, ...]:
    return (
        stat.filemode(_FILE_TYPES[file.kind] | file.mode),
        file.uid,
        file.gid,
        file.size,
        _time(file.modified_ns),
        file.path,
        file.target or None,
        str(file.kind),
        file.layer,
    )


def _long(file: ListedFile) -> tuple[object, ...]:
    *columns, path, target = _row(file)[:_LONG]
    return (*columns, path, f"-> {target}" if target else None)


def _time(nanoseconds: int) -> str:
    """Return a time in UTC; one outside the years 1 to 9999 as seconds since 1970."""
    seconds = nanoseconds // _NANOSECONDS
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (OSError, OverflowError, ValueError):  # by what the C library makes of the number
        return f"@{seconds}"


def _tree(files: Sequence[ListedFile]) -> Iterator[str]:
    """Yield the lines of a tree; `files` has parents first and names in order."""
    base = files[0].path.rstrip("/")
    depths = [file.path[len(base) :].count("/") if file.path != "/" else 0 for file in files]
    ends = _last_of_directory(depths)
    marks: list[str] = []
    for file, depth, is_last in zip(files, depths, ends, strict=True):
        del marks[max(depth - 1, 0) :]
        name = file.path if depth == 0 else file.path.rpartition("/")[2]
        arrow = f" -> {file.target}" if file.target else ""
        before = "".join(marks) + (("`-- " if is_last else "|-- ") if depth else "")
        yield before + output.show(name + arrow)
        if depth:
            marks.append("    " if is_last else "|   ")


def _last_of_directory(depths: Sequence[int]) -> list[bool]:
    """Return for each depth whether no later one is equal before a smaller one."""
    found = []
    seen: set[int] = set()
    for depth in reversed(depths):
        found.append(depth not in seen)
        seen = {each for each in seen if each <= depth} | {depth}
    return found[::-1]
