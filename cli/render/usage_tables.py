"""Tables and trees of disk usage."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from cachedb.cli.render import fitting, output, tables
from cachedb.cli.render.tables import Column, Format
from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cachedb.operations.fleet.survey import FleetTotals, FleetUsage
    from cachedb.operations.read.grouped_usage import GroupUsage
    from cachedb.operations.read.usage import ImageUsage
    from cachedb.operations.read.usage_tree import UsageBranch

    Row = tuple[Any, ...]

_SIZES = (
    Column("size", output.size, is_number=True),
    Column("shared", output.size, is_number=True),
    Column("exclusive", output.size, is_number=True),
)


def _digest(digest: str | None) -> str:
    return "<per platform>" if digest is None else output.digest(digest)


IMAGES = (
    Column(
        "names",
        lambda names: output.words(name or "<none>" for name in names),
        shorten=fitting.items,
    ),
    Column("digest", _digest, shorten=fitting.whole),
    *_SIZES,
)
GROUPS = (
    Column("group", lambda group: group or "<none>"),
    Column("images", is_number=True),
    *_SIZES,
)
CACHES = (
    Column("cache", shorten=fitting.whole),
    Column("blobs", is_number=True),
    *_SIZES,
)
_TREE = (Column("name"), *_SIZES)


def group_rows(found: Iterable[GroupUsage]) -> list[Row]:
    """Return the cells of groups."""
    return [(g.group, g.images, g.size, g.shared, g.exclusive) for g in found]


def chosen(columns: Sequence[Column], rows: list[Row], sort: str, limit: int | None) -> list[Row]:
    """Return the rows in the order of --sort, as many as --limit allows.

    Raises:
        InvalidInput: A key is no column.
    """
    known = [column.name for column in columns]
    for key in reversed(sort.split(",")):
        name = key.removeprefix("-")
        if name not in known:
            raise InvalidInput(f"--sort: no column {name!r}", hint=f"one of {', '.join(known)}")
        place = known.index(name)
        ordered = [(_order(row[place]), row) for row in rows]
        ordered.sort(key=itemgetter(0), reverse=key.startswith("-"))
        rows = [row for _, row in ordered]
    return rows[:limit]


def _order(value: Any) -> Any:
    """Return the sort key of a cell; rows without a name sort last."""
    if isinstance(value, list):
        return [(name is None, name or "") for name in value]
    return value if isinstance(value, int) else (value is None, value or "")


def print_rows(
    what: str, columns: Sequence[Column], rows: list[Row], totals: dict[str, int], form: str
) -> None:
    """Print rows and totals: beside the rows in JSON, else as the last rows."""
    if form is Format.JSON:
        listed = [tables.as_object(columns, row) for row in rows]
        tables.render_tree({what: listed, "totals": totals}, form)
    elif form is Format.TABLE:
        last = [(_called(what, kind), "", *cells) for kind, cells in _last(totals) if cells[0]]
        tables.render(columns, [*rows, *last], form)
    else:
        marked = [(*row, what.removesuffix("s")) for row in rows]
        last = [(_called(what, None), None, *cells, kind) for kind, cells in _last(totals)]
        tables.render((*columns, Column("kind")), [*marked, *last], form)


def _last(totals: dict[str, int]) -> Iterator[tuple[str, Row]]:
    """Yield the rows of other files, and the total, with their sizes: total, shared, exclusive."""
    for kind, size in totals.items():
        if kind == "total":
            yield kind, (size, totals["shared"], totals["exclusive"])
        elif kind not in {"shared", "exclusive"}:
            yield kind, (size, None, None)


def _called(what: str, kind: str | None) -> object:
    """Return the first cell of a row of totals: images have lists of names there."""
    if what in {"groups", "caches"}:
        return kind
    return [] if kind is None else [kind]


def print_images(
    images: Iterable[ImageUsage],
    totals: dict[str, int],
    *,
    sort: str,
    limit: int | None,
    form: str,
    quiet: bool,
) -> None:
    """Print images and totals; when quiet, the digests of the images."""
    rows: list[Row] = [
        (list(i.names), i.digest, i.size, i.shared, i.exclusive, i.digests) for i in images
    ]
    rows = chosen(IMAGES, rows, sort, limit)
    if quiet:
        for *_, digests in rows:
            output.print_digests(digests)
        return
    print_rows("images", IMAGES, [row[:-1] for row in rows], totals, form)


def print_caches(
    caches: Iterable[FleetUsage],
    totals: FleetTotals,
    *,
    sort: str,
    limit: int | None,
    form: str,
) -> None:
    """Print the caches of a fleet and totals."""
    rows: list[Row] = [tuple(cache) for cache in caches]
    print_rows("caches", CACHES, chosen(CACHES, rows, sort, limit), totals._asdict(), form)


def print_tree(branches: Sequence[UsageBranch], totals: dict[str, int], form: str) -> None:
    """Print registries, repositories and images, each below its parent, and totals.

    Raises:
        InvalidInput: The format has no place for nested data.
    """
    if form is not Format.TABLE:
        tables.refuse_columns(form)
        tree = [_as_object(branch) for branch in branches]
        tables.render_tree({"tree": tree, "totals": totals}, form)
        return
    rows = [row for branch in branches for row in _tree_rows(branch, "")]
    last = [(kind, *cells) for kind, cells in _last(totals) if cells[0]]
    tables.render(_TREE, [*rows, *last], form)


def _tree_rows(branch: UsageBranch, indent: str) -> Iterator[Row]:
    name = output.words(name or "<none>" for name in branch.names) or "<none>"
    yield f"{indent}{name}", branch.size, branch.shared, branch.exclusive
    for child in branch.children:
        yield from _tree_rows(child, f"{indent}  ")


def _as_object(branch: UsageBranch) -> dict[str, object]:
    return {
        "names": list(branch.names),
        "images": branch.images,
        "size": branch.size,
        "shared": branch.shared,
        "exclusive": branch.exclusive,
        "children": [_as_object(child) for child in branch.children],
    }
