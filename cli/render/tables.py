"""Tables on stdout: aligned text, CSV, JSON, JSON lines, and templates with fields in braces.

Rows are printed as they come, those of aligned text in batches: a long table begins before its
last row is read, and its columns become wider where a later batch has longer texts. On a
terminal, aligned text is fitted to its width; in a pipe or a file, every value is whole.

JSON escapes control characters. A cell of CSV that a spreadsheet would evaluate as a formula is
prefixed with an apostrophe.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import typer

from cachedb.cli.render import fitting
from cachedb.cli.render.output import digest, print_lines, print_stdout, show, words
from cachedb.errors import InvalidInput
from cachedb.patterns import lazy
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_AT_ONCE = 500
"""Rows of aligned text that are measured before the first of them is printed."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_GO_FIELD: Final = lazy(r"\{\{-?\s*(?:[a-z]+\s+)?\.")


class Format(StrEnum):
    """Format of a table, unless it is a template."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


def parse_format(text: str) -> str:
    """Parse the value of --format: a `Format`, or a template."""
    if text in set(Format):
        return Format(text)
    if _GO_FIELD.search(text):
        raise typer.BadParameter(f"{text!r} is a template of Go: write '{{digest}}' for a field.")
    if "{" in text:
        return text
    names = ", ".join(Format)
    raise typer.BadParameter(f"{text!r} is none of {names}, nor a template such as '{{name}}'.")


class Column(NamedTuple):
    """Column of a table: its name, and the text of its values in aligned text.

    `shorten` makes a text fit into a number of cells, where a terminal is narrower than the table.
    """

    name: str
    text: Callable[[Any], str] = lambda value: "" if value is None else str(value)
    is_number: bool = False
    shorten: Callable[[str, int], str] = fitting.middle

    @property
    def is_whole(self) -> bool:
        """Whether its texts are not shortened: a digest is short already."""
        return self.text is digest or self.shorten is fitting.whole


def render(
    columns: Sequence[Column],
    rows: Iterable[Sequence[object]],
    form: str,
    *,
    head: bool = True,
    end: str = "\n",
) -> None:
    """Print a table to stdout; `end` ends every row of a template.

    Raises:
        InvalidInput: A template has an unknown field, or a specification that its value rejects.
    """
    match form:
        case Format.TABLE:
            _table(columns, rows, head=head)
        case Format.CSV:
            _csv(columns, rows)
        case Format.JSON:
            _json_list(columns, rows)
        case Format.JSONL:
            for row in rows:
                print_stdout(_json(as_object(columns, row)))
        case _:
            _filled_in(columns, rows, form, end)


def places_of(columns: Sequence[Column], text: str | None) -> list[int]:
    """Return the places of columns in a text such as `NAME,size`; none if one is unknown."""
    known = [column.name for column in columns]
    names = [] if text is None else [name.strip() for name in text.lower().split(",")]
    return [known.index(name) for name in names] if set(names) <= set(known) else []


def digests(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> Iterator[str | None]:
    """Yield the digests of rows, in the order of the table; none without a column of them."""
    names = [column.name for column in columns]
    for row in rows:
        if "digest" in names:
            yield row[names.index("digest")]
        elif "digests" in names:
            yield from row[names.index("digests")]


def line_end(form: str, *, quiet: bool, null: bool) -> str:
    """Return the end of lines: NUL with --null, else a newline.

    Raises:
        InvalidInput: --null is given, and the format is neither --quiet nor a template.
    """
    if null and not quiet and form in set(Format):
        raise InvalidInput(
            "--null needs --quiet or a template",
            hint="--quiet --null, or --format '{name}' --null",
        )
    return "\0" if null else "\n"


def render_tree(value: object, form: str) -> None:
    """Print nested data to stdout as JSON.

    Raises:
        InvalidInput: The format is neither JSON nor JSON lines.
    """
    refuse_columns(form)
    print_stdout(_json(value, indent=2 if form is Format.JSON else None))


def refuse_columns(form: str) -> None:
    """Refuse formats of tables.

    Raises:
        InvalidInput: The format is neither JSON nor JSON lines.
    """
    if form not in {Format.JSON, Format.JSONL}:
        what = "csv" if form is Format.CSV else "template"
        raise InvalidInput(f"nested output cannot be printed as {what}", hint="--format json")


def _table(columns: Sequence[Column], rows: Iterable[Sequence[object]], *, head: bool) -> None:
    available = fitting.terminal_width()
    coming = iter(rows)
    batch = list(islice(coming, _AT_ONCE))
    texts = _columns(columns, batch, head=head)
    if available is not None and head and _is_too_wide(columns, texts, available):
        _records(columns, _columns(columns, [*batch, *coming], head=head), available)
        return
    widths = [0] * len(columns)
    gap = " " * fitting.GAP
    while True:
        widths = shown = list(map(max, widths, map(fitting.widest, texts)))
        if available is not None:
            shown = fitting.narrowed(widths, list(map(_least, columns, widths)), available)
        cells = zip(*map(_aligned, columns, texts, shown), strict=True)
        print_lines([gap.join(line).rstrip() for line in cells])
        batch = list(islice(coming, _AT_ONCE))
        if not batch:
            return
        texts = _columns(columns, batch, head=False)


def _columns(
    columns: Sequence[Column], rows: Sequence[Sequence[object]], *, head: bool
) -> list[list[str]]:
    """Return the escaped cells of each column."""
    return [
        _texts(column, [row[place] for row in rows], head=head)
        for place, column in enumerate(columns)
    ]


def _is_too_wide(
    columns: Sequence[Column], texts: Sequence[Sequence[str]], available: int
) -> bool:
    """Return whether a terminal is too narrow for a table, however its columns are shortened."""
    widths = list(map(fitting.widest, texts))
    return fitting.row_width(list(map(_narrowest, columns, widths))) > available


def _records(columns: Sequence[Column], texts: Sequence[Sequence[str]], available: int) -> None:
    """Print a line for each value below the one before, on a terminal too narrow for the table."""
    label = fitting.widest([texts_of_column[0] for texts_of_column in texts]) + fitting.GAP
    room = max(available - label, fitting.LEAST)
    heads, *records = zip(*texts, strict=True)
    for number, record in enumerate(records):
        if number:
            print_stdout("")
        for column, name, text in zip(columns, heads, record, strict=True):
            is_sentence = column.shorten is fitting.whole
            lines = fitting.wrapped(text, room) if is_sentence else [column.shorten(text, room)]
            for start, line in zip((name, *[""] * (len(lines) - 1)), lines, strict=True):
                print_stdout(f"{start:{label}}{line}".rstrip())


def _texts(column: Column, values: list[object], *, head: bool) -> list[str]:
    """Return the escaped cells of a column, below its name if the table has a header."""
    text = column.text
    found = [text(value) for value in values]
    if not "".join(found).isprintable():
        found = [show(each) for each in found]
    return [column.name.upper(), *found] if head else found


def _least(column: Column, width: int) -> int:
    """Return the width below which a column is not narrowed."""
    return width if column.is_whole else max(fitting.LEAST, len(column.name))


def _narrowest(column: Column, width: int) -> int:
    """Return the width that a column needs if sentences are wrapped."""
    is_sentence = column.shorten is fitting.whole
    least = fitting.LEAST if is_sentence else _least(column, width)
    return min(width, max(least, len(column.name)))


def _aligned(column: Column, texts: list[str], width: int) -> list[str]:
    """Fit the cells of a column to its width."""
    is_plain = "".join(texts).isascii()
    shorten = column.shorten
    # An ellipsis takes one cell too.
    fitted = [t if is_plain and len(t) <= width else shorten(t, width) for t in texts]
    if is_plain:
        return [t.rjust(width) if column.is_number else t.ljust(width) for t in fitted]
    blanks = [" " * (width - fitting.cells(text)) for text in fitted]
    pairs = zip(blanks, fitted, strict=True)
    return [blank + text if column.is_number else text + blank for blank, text in pairs]


def _filled_in(
    columns: Sequence[Column], rows: Iterable[Sequence[object]], text: str, end: str
) -> None:
    parts = _parts(text)
    names = [column.name for column in columns]
    for _, name, _ in parts:
        if name is not None and name not in names:
            known = ", ".join(names)
            raise InvalidInput(f"--format: no field {name!r}", hint=f"one of {known}")
    for row in rows:
        values = {column.name: value for column, value in zip(columns, row, strict=True)}
        line = (
            before if name is None else before + _field(values[name], name, spec)
            for before, name, spec in parts
        )
        print_stdout("".join(line), end)


def fields_of(form: str) -> tuple[str, ...]:
    """Return the fields of a template; a `Format` has none.

    Raises:
        InvalidInput: The braces of the template are unbalanced.
    """
    if form in set(Format):
        return ()
    return tuple(dict.fromkeys(name for _, name, _ in _parts(form) if name is not None))


def _parts(text: str) -> list[tuple[str, str | None, str]]:
    """Split a template into texts, each with the field that follows and its specification."""
    from string import Formatter

    for written, char in (("\\t", "\t"), ("\\n", "\n")):
        text = text.replace(written, char)
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise InvalidInput(f"--format: {error}", hint="write {{ and }} for braces") from error
    for _, name, _, conversion in parts:
        if conversion:
            raise InvalidInput("--format: `!` conversions are not supported", hint=f"{{{name}}}")
    return [(before, name, spec or "") for before, name, spec, _ in parts]


def _field(value: object, name: str, spec: str) -> str:
    if value is None or isinstance(value, (list, tuple)):
        value = words(value or ())
    try:
        return format(show(value) if isinstance(value, str) else value, spec)
    except ValueError as error:
        raise InvalidInput(f"--format: invalid {spec!r} for {name!r}: {error}") from error


def _csv(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for row in rows:
        writer.writerow([_cell(value) for value in row])


def _json_list(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Print a JSON array of objects, one after another as their rows come."""
    before, end = "[", "[]"
    for row in rows:
        indented = _json(as_object(columns, row), indent=2).replace("\n", "\n  ")
        print_stdout(f"{before}\n  {indented}", "")
        before, end = ",", "\n]"
    print_stdout(end)


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = words(value) if isinstance(value, (list, tuple)) else str(value)
    is_formula = isinstance(value, str) and text.startswith(_FORMULA)
    return f"'{show(text)}" if is_formula else show(text)


def _json(value: object, indent: int | None = None) -> str:
    """Encode as JSON without escapes of printable characters."""
    import json

    return printable_json(json.dumps(value, ensure_ascii=False, indent=indent))


def printable_json(text: str) -> str:
    """Escape control characters in JSON text, which a terminal would interpret."""
    import json

    return "\n".join(
        line
        if line.isprintable()
        else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)
        for line in text.split("\n")
    )


def as_object(columns: Sequence[Column], row: Sequence[object]) -> dict[str, object]:
    """Return the JSON object of a row, with digests and platforms in lists as text."""
    return {
        column.name: [item and str(item) for item in value]
        if isinstance(value, (list, tuple))
        else value
        for column, value in zip(columns, row, strict=True)
    }
