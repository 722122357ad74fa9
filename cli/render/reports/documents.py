"""Reports as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cachedb.cli.render import output, tables
from cachedb.operations.report.model import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cachedb.operations.report.model import CacheReport

_LISTS = (
    "images", "registries", "repositories", "platforms", "media_types", "ages", "growth",
    "sharing", "shared_blobs", "findings", "activity",
)  # fmt: skip


def print_json(report: CacheReport) -> None:
    """Print the report as one JSON document, a row of a section on each line."""
    for line in json_lines(report):
        output.print_stdout(tables.printable_json(line))


def json_lines(report: CacheReport) -> Iterator[str]:
    """Yield the lines of the JSON document; memory is that of one line."""
    yield "{"
    yield f'"version": {VERSION},'
    yield f'"generated": {_text(report.generated)},'
    yield f'"cache": {_text(report.cache)},'
    yield f'"totals": {_text(report.totals._asdict())},'
    yield f'"collection": {_text(report.collection._asdict())},'
    yield f'"policy": {_text(report.policy and report.policy._asdict())},'
    for key in _LISTS:
        yield f'"{key}": ['
        yield from _rows(getattr(report, key))
        yield "],"
    yield f'"unsigned": {_text(report.unsigned)}'
    yield "}"


def _rows(rows: Sequence[Any]) -> Iterator[str]:
    for place, row in enumerate(rows, 1):
        yield _text(row._asdict()) + ("," if place < len(rows) else "")


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
