"""What reaches the reader: tables and data on stdout, everything else on stderr.

Text from outside goes through `show` before it reaches a terminal; JSON has escapes of its own,
and a cell of CSV that a spreadsheet would take for a formula gets a quote mark.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SHORT = len("sha256:") + 12
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_THOUSAND = 1000


class Format(StrEnum):
    """How a listing is written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a listing: its name, and how its values read in a table."""

    name: str
    text: Callable[[Any], str] = lambda value: "" if value is None else str(value)
    is_number: bool = False


def show(text: str) -> str:
    """Escape what does not print, so that text from outside cannot drive a terminal."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def size(value: int | None) -> str:
    """Write bytes as people read them, in powers of 1000 as the query language does."""
    if value is None:
        return ""
    amount = float(value)
    for unit in _UNITS:
        if amount < _THOUSAND or unit == _UNITS[-1]:
            return f"{value} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _THOUSAND
    raise AssertionError(value)


def digest(value: str) -> str:
    """Shorten a digest for a terminal; whoever reads a pipe gets the whole."""
    return value[:_SHORT] if sys.stdout.isatty() else value


def count(number: int, noun: str) -> str:
    """Write how many there are."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def words(values: Iterable[object]) -> str:
    """Write a list into one cell."""
    return ",".join("" if value is None else str(value) for value in values)


def render(
    columns: Sequence[Column], rows: Iterable[Sequence[object]], form: Format, *, head: bool = True
) -> None:
    """Write a listing to stdout."""
    match form:
        case Format.TABLE:
            _table(columns, rows, head=head)
        case Format.CSV:
            _csv(columns, rows)
        case Format.JSON:
            objects = [_object(columns, row) for row in rows]
            say(_json(objects, indent=2))
        case Format.JSONL:
            for row in rows:
                say(_json(_object(columns, row)))


def render_tree(value: object, form: Format) -> None:
    """Write nested data to stdout.

    Raises:
        InvalidInput: It has to be written as a table.
    """
    if form is Format.CSV:
        raise InvalidInput("this is not a table, and has no csv", hint="--format json")
    say(_json(value, indent=2 if form is Format.JSON else None))


def say(line: str = "") -> None:
    """Write a line of data to stdout, as it is; the caller has escaped it."""
    sys.stdout.write(f"{line}\n")


def tell(line: str) -> None:
    """Write a line about what happens to stderr."""
    sys.stderr.write(f"{show(line)}\n")


def _table(columns: Sequence[Column], rows: Iterable[Sequence[object]], *, head: bool) -> None:
    texts = [
        [show(column.text(value)) for column, value in zip(columns, row, strict=True)]
        for row in rows
    ]
    if head:
        texts.insert(0, [column.name.upper() for column in columns])
    widths = [max((len(row[i]) for row in texts), default=0) for i in range(len(columns))]
    for row in texts:
        cells = [
            text.rjust(width) if column.is_number else text.ljust(width)
            for column, text, width in zip(columns, row, widths, strict=True)
        ]
        say("  ".join(cells).rstrip())


def _csv(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    sys.stdout.write(buffer.getvalue())


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = words(value) if isinstance(value, (list, tuple)) else str(value)
    is_formula = isinstance(value, str) and text.startswith(_FORMULA)
    return f"'{show(text)}" if is_formula else show(text)


def _json(value: object, indent: int | None = None) -> str:
    """Encode so that people can read it, and no character in it drives a terminal."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return "\n".join(
        line
        if line.isprintable()
        else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)
        for line in text.split("\n")
    )


def _object(columns: Sequence[Column], row: Sequence[object]) -> dict[str, object]:
    return {
        column.name: [item and str(item) for item in value]
        if isinstance(value, (list, tuple))
        else value
        for column, value in zip(columns, row, strict=True)
    }
