"""Report of a fleet: tables of its caches, and of the blobs that several of them hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cachedb.cli.render import fitting, output, tables
from cachedb.cli.render.reports.sections import time_column
from cachedb.cli.render.tables import Column, Format
from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.operations.fleet.survey import FleetReport

_SIZES = tuple(
    Column(name, output.size, is_number=True) for name in ("size", "shared", "exclusive")
)
_SECTIONS: Final[dict[str, tuple[Column, ...]]] = {
    "caches": (
        Column("cache", shorten=fitting.whole),
        *(Column(name, is_number=True) for name in ("names", "images", "blobs")),
        *_SIZES,
        *(Column(name, is_number=True) for name in ("missing", "corrupt")),
        *(time_column(name) for name in ("added", "pulled", "published")),
    ),
    "common_blobs": (
        Column("digest", output.digest),
        Column("kind"),
        Column("size", output.size, is_number=True),
        Column("caches", is_number=True),
        Column("copies", output.size, is_number=True),
    ),
}


def print_report(
    report: FleetReport, section: str | None, form: str, top: int, *, quiet: bool
) -> None:
    """Print the report, or one section of it in formats of rows; when quiet, its digests.

    Raises:
        InvalidInput: There is no such section.
    """
    if quiet:
        name = _section(section)
        output.print_digests(tables.digests(_SECTIONS[name], _rows(report, name)))
    elif section is None and form is Format.JSON:
        whole = {
            "version": 1,
            "generated": report.generated,
            "totals": report.totals._asdict(),
            **{name: _objects(report, name) for name in _SECTIONS},
        }
        tables.render_tree(whole, form)
    elif section is None and form is Format.TABLE:
        _print_text(report, top)
    else:
        name = _section(section)
        tables.render(_SECTIONS[name], _rows(report, name), form)


def _section(name: str | None) -> str:
    if name is not None and name not in _SECTIONS:
        known = ", ".join(_SECTIONS)
        raise InvalidInput(f"--section: no section {name!r}", hint=f"one of {known}")
    return name or "caches"


def _print_text(report: FleetReport, top: int) -> None:
    totals = report.totals
    number = output.count(len(report.caches), "cache")
    output.print_stdout(
        f"{number}: {output.size(totals.total)}, {output.size(totals.unique)} unique"
    )
    for name, columns in _SECTIONS.items():
        rows = _rows(report, name)
        if rows:
            output.print_stdout(f"\n{name.replace('_', ' ')}")
            tables.render(columns, rows[:top] if name != "caches" else rows, Format.TABLE)


def _rows(report: FleetReport, name: str) -> Sequence[Sequence[Any]]:
    return report.caches if name == "caches" else report.common_blobs


def _objects(report: FleetReport, name: str) -> list[dict[str, object]]:
    return [tables.as_object(_SECTIONS[name], row) for row in _rows(report, name)]
