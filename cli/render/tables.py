"""Listings on stdout: tables, CSV, JSON, JSON lines, and texts with fields in braces.

JSON has escapes of its own, and a cell of CSV that a spreadsheet would take for a formula gets a
quote mark.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from cachedb.cli.render.output import say, show, words
from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    """How a listing is written, unless it is a text with fields in braces."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


def parse_format(text: str) -> str:
    """Read what stands behind --format: a `Format`, or a text with fields in braces."""
    if text in set(Format):
        return Format(text)
    if "{" in text:
        return text
    names = ", ".join(Format)
    raise typer.BadParameter(f"{text!r} is none of {names}, nor a text such as '{{name}}'.")


class Column(NamedTuple):
    """A column of a listing: its name, and how its values read in a table."""

    name: str
    text: Callable[[Any], str] = lambda value: "" if value is None else str(value)
    is_number: bool = False


def render(
    columns: Sequence[Column],
    rows: Iterable[Sequence[object]],
    form: str,
    *,
    head: bool = True,
    end: str = "\n",
) -> None:
    """Write a listing to stdout; `end` stands behind every row of a text with braces.

    Raises:
        InvalidInput: A text with braces names no column, or shows it in a way that it cannot be.
    """
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
        case _:
            _filled_in(columns, rows, form, end)


def line_end(form: str, *, quiet: bool, null: bool) -> str:
    """Return what ends a line.

    Raises:
        InvalidInput: It has to be a NUL, and what is written has no lines that one could end.
    """
    if null and not quiet and form in set(Format):
        raise InvalidInput(
            "--null ends lines, and this is not written in lines",
            hint="--quiet --null, or --format '{name}' --null",
        )
    return "\0" if null else "\n"


def render_tree(value: object, form: str) -> None:
    """Write nested data to stdout.

    Raises:
        InvalidInput: It has to be written as a table.
    """
    refuse_columns(form)
    say(_json(value, indent=2 if form is Format.JSON else None))


def refuse_columns(form: str) -> None:
    """Refuse a form that only tables have.

    Raises:
        InvalidInput: The form is neither JSON nor JSON lines.
    """
    if form not in {Format.JSON, Format.JSONL}:
        what = "csv" if form is Format.CSV else "fields"
        raise InvalidInput(f"this is not a table, and has no {what}", hint="--format json")


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


def _filled_in(
    columns: Sequence[Column], rows: Iterable[Sequence[object]], text: str, end: str
) -> None:
    parts = _parts(text)
    names = [column.name for column in columns]
    for _, name, _ in parts:
        if name is not None and name not in names:
            known = ", ".join(names)
            raise InvalidInput(f"--format: there is no {name!r} here", hint=f"one of {known}")
    for row in rows:
        values = {column.name: value for column, value in zip(columns, row, strict=True)}
        line = (
            before if name is None else before + _field(values[name], name, spec)
            for before, name, spec in parts
        )
        say("".join(line), end)


def fields_of(form: str) -> tuple[str, ...]:
    """Return the fields that a text with braces names; a `Format` names none.

    Raises:
        InvalidInput: The braces do not go together.
    """
    if form in set(Format):
        return ()
    return tuple(dict.fromkeys(name for _, name, _ in _parts(form) if name is not None))


def _parts(text: str) -> list[tuple[str, str | None, str]]:
    """Take a text with braces apart: what stands before a field, the field, and how to show it."""
    from string import Formatter

    for written, char in (("\\t", "\t"), ("\\n", "\n")):
        text = text.replace(written, char)
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise InvalidInput(f"--format: {error}", hint="{{ and }} stand for braces") from error
    for _, name, _, conversion in parts:
        if conversion:
            raise InvalidInput("--format: there are no conversions with `!`", hint=f"{{{name}}}")
    return [(before, name, spec or "") for before, name, spec, _ in parts]


def _field(value: object, name: str, spec: str) -> str:
    if value is None or isinstance(value, (list, tuple)):
        value = words(value or ())
    try:
        return format(show(value) if isinstance(value, str) else value, spec)
    except ValueError as error:
        raise InvalidInput(f"--format: {name!r} cannot be shown as {spec!r}: {error}") from error


def _csv(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    import csv
    import io

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
    import json

    return printable_json(json.dumps(value, ensure_ascii=False, indent=indent))


def printable_json(text: str) -> str:
    """Escape the characters of JSON text that drive a terminal, as JSON escapes them."""
    import json

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
