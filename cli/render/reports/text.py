"""Reports as text for a terminal, and as Markdown for a summary in CI."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cachedb.cli.render import output, tables
from cachedb.cli.render.reports.sections import facts, sections
from cachedb.cli.render.tables import Column, Format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.cli.render.reports.sections import Section
    from cachedb.operations.report.model import CacheReport

_BAR = 20
_WITH_BARS = {"ages": "images", "growth": "size", "sharing": "size", "registries": "size"}


def print_text(report: CacheReport, most: int) -> None:
    """Print every section, with at most so many rows each."""
    output.print_stdout(
        f"Image cache {output.show(report.cache)}, {output.rfc3339_of(report.generated)}"
    )
    output.print_stdout()
    tables.render((Column("what"), Column("value")), facts(report), Format.TABLE, head=False)
    for section in sections(report):
        if not section.rows:
            continue
        output.print_stdout()
        output.print_stdout(f"{section.title}. {section.about}")
        rows = section.rows[:most]
        columns = section.columns
        if section.key in _WITH_BARS:
            bars = _bars(section, most)
            columns = (*columns, Column(""))
            rows = [(*row, bar) for row, bar in zip(rows, bars, strict=True)]
        tables.render(columns, rows, Format.TABLE)
        if len(section.rows) > most:
            output.print_stdout(f"and {len(section.rows) - most} more")


def _bars(section: Section, most: int) -> list[str]:
    """Return a bar for each row, as long as its share of the largest."""
    place = [column.name for column in section.columns].index(_WITH_BARS[section.key])
    numbers = [row[place] for row in section.rows[:most]]
    largest = max(numbers, default=0) or 1
    return ["#" * -(-number * _BAR // largest) for number in numbers]


def print_markdown(report: CacheReport, most: int) -> None:
    """Print the report as GitHub-flavoured Markdown, with at most so many rows a table."""
    for line in _markdown(report, most):
        output.print_stdout(line)


def _markdown(report: CacheReport, most: int) -> Iterator[str]:
    yield "## Image cache report"
    yield ""
    yield f"{code(report.cache)}, {output.rfc3339_of(report.generated)}"
    yield ""
    yield "| | |"
    yield "| --- | --- |"
    for what, value in facts(report):
        yield f"| {what} | {_escaped(value)} |"
    for section in sections(report):
        if section.rows:
            yield ""
            yield from _markdown_table(section, most)


def _markdown_table(section: Section, most: int) -> Iterator[str]:
    yield "<details>"
    yield f"<summary>{section.title} ({len(section.rows)})</summary>"
    yield ""
    yield section.about
    yield ""
    yield f"| {' | '.join(column.name for column in section.columns)} |"
    marks = (" ---: " if column.is_number else " --- " for column in section.columns)
    yield f"|{'|'.join(marks)}|"
    for row in section.rows[:most]:
        cells = (
            column.text(value) if column.is_number else code(column.text(value))
            for column, value in zip(section.columns, row, strict=True)
        )
        yield f"| {' | '.join(cells)} |"
    if len(section.rows) > most:
        yield ""
        yield f"and {len(section.rows) - most} more"
    yield ""
    yield "</details>"


def code(text: str) -> str:
    """Return text as a code span of Markdown, which no markup in it can end.

    A pipe is escaped, because it would end the cell of a table (GFM, section 4.10).
    """
    shown = output.show(text).replace("|", "\\|")
    if not shown:
        return ""
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _escaped(text: str) -> str:
    """Escape text for a cell of Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>|#~&])", r"\\\1", output.show(text))
