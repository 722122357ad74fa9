"""Listings of images on stdout: a row for each image, and for each entry that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.cli.render import fitting, output, tables
from cachedb.cli.render.tables import Column, Format

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cachedb.layout.unreadable_entry import UnreadableEntry
    from cachedb.operations.read.listing import Listing

    Row = tuple[object, ...]

COLUMNS = (
    Column("name", lambda name: name or "<none>"),
    Column("digest", lambda digest: output.digest(digest) if digest else "<per platform>"),
    Column("platforms", output.words, shorten=fitting.items),
    Column("size", output.size, is_number=True),
    Column("state"),
    Column("pinned", lambda is_pinned: "pinned" if is_pinned else ""),
)


def rows_of(listed: Iterable[Listing]) -> Iterator[Row]:
    """Yield the row of each image, one value for each of `COLUMNS`."""
    words = output.PlatformTexts().of
    for i in listed:
        yield (i.name, i.digest, words(i.platforms), i.size, i.health.value, i.is_pinned)


def rows_of_unreadable(entries: Iterable[UnreadableEntry], form: str) -> Iterator[Row]:
    """Yield the row of each entry of index.json that cannot be read."""
    # A table has the address that `rm` takes, where a program reads it from stderr.
    for each in entries:
        address = each.address if form is Format.TABLE else each.digest
        yield (None, address, [], 0, "unreadable", False)


def render(
    rows: Iterable[Row], form: str, chosen: Sequence[int], *, end: str, has_pins: bool
) -> None:
    """Print rows as they come, with the `chosen` columns, or those that a row has a value for.

    Raises:
        InvalidInput: A template has an unknown field, or a specification that its value rejects.
    """
    if not chosen:
        # A table has no column that would be empty in every row.
        is_short = form is Format.TABLE and not has_pins
        chosen = range(len(COLUMNS) - 1 if is_short else len(COLUMNS))
    tables.render(
        [COLUMNS[i] for i in chosen], ([row[i] for i in chosen] for row in rows), form, end=end
    )
