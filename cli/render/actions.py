"""Results of commands that change a cache or a registry: an object per item, and a summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.cli.render import tables
from cachedb.cli.render.tables import Format

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cachedb.cli.render.tables import Column


def print_items(
    columns: Sequence[Column],
    rows: Iterable[Sequence[object]],
    summary: Mapping[str, object],
    form: str,
) -> None:
    """Print the items of an action in a format other than `Format.TABLE`.

    JSON is one object with `items` and `summary`; JSON lines end with a line of the summary. CSV
    and templates have the items only.
    """
    if form is Format.JSON:
        items = [tables.as_object(columns, row) for row in rows]
        tables.render_tree({"items": items, "summary": dict(summary)}, form)
        return
    tables.render(columns, rows, form)
    if form is Format.JSONL:
        tables.render_tree({"summary": dict(summary)}, form)
