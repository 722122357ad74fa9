"""Query results for other libraries: columns for pandas, Arrow tables, HTML for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cachedb.query.results import OutputColumn

_MOST_ROWS = 50
_PLAIN: dict[str, Callable[[Any], Any]] = {"digest": str}


def columns(heads: Sequence[OutputColumn], rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    """Return the values of each column; a digest is a plain str."""
    found = {}
    for place, head in enumerate(heads):
        plain = _PLAIN.get(head.kind)
        values = [row[place] for row in rows]
        if plain is not None:
            values = [None if value is None else plain(value) for value in values]
        found[head.name] = values
    return found


def arrow(heads: Sequence[OutputColumn], rows: Sequence[Sequence[Any]]) -> Any:
    """Return a `pyarrow.Table` with a type for each column, also if all values are missing.

    Raises:
        ImportError: pyarrow is not installed.
    """
    import pyarrow as pa  # noqa: PLC0415  (not a dependency)

    types = {
        "size": pa.int64(),
        "number": pa.int64(),
        "time": pa.timestamp("us", tz="UTC"),
    }
    fields = [pa.field(head.name, types.get(head.kind, pa.string())) for head in heads]
    return pa.table(columns(heads, rows), schema=pa.schema(fields))


def html(heads: Sequence[OutputColumn], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table of the first 50 rows, with every value escaped."""
    from html import escape  # noqa: PLC0415  (most results are not shown in a notebook)

    def cells(tag: str, values: Sequence[Any]) -> str:
        texts = ("" if value is None else escape(str(value)) for value in values)
        return "".join(f"<{tag}>{text}</{tag}>" for text in texts)

    head = cells("th", [column.name for column in heads])
    lines = [f"<tr>{cells('td', row)}</tr>" for row in rows[:_MOST_ROWS]]
    more = len(rows) - len(lines)
    rest = f"<p>… and {more:,} more rows</p>" if more > 0 else ""
    body = "\n".join(lines)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>{rest}"
