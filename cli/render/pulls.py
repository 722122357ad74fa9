"""Results of pull and sync."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.cli.render import output
from cachedb.cli.render.actions import print_items
from cachedb.cli.render.tables import Column, Format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.operations.transfer.pull import Pulled, PullReport

_COLUMNS = (
    Column("name"),
    Column("digest"),
    Column("state"),
    Column("replaced"),
    Column("transferred"),
    Column("error"),
)


def print_report(report: PullReport, form: str, *, quiet: bool) -> None:
    """Print the pulled and present images; raise the last failure."""
    if quiet:
        for pulled in (*report.present, *report.pulled):
            output.print_stdout(pulled.descriptor.digest)
    elif form is Format.TABLE:
        for present in report.present:
            output.print_stdout(
                f"{output.show(present.name)}  {present.descriptor.digest}  present"
            )
        for pulled in report.pulled:
            fetched = f", {output.size(pulled.fetched)} transferred" if pulled.fetched else ""
            name, digest = output.show(pulled.name), pulled.descriptor.digest
            output.print_stdout(f"{name}  {digest}  {_news(pulled)}{fetched}")
    else:
        print_items(_COLUMNS, _rows(report), _summary(report), form)
    for reference, error in report.failures[:-1]:
        output.print_stderr(f"cachedb: {reference.familiar}: {error}")
    if report.failures:
        raise report.failures[-1][1]


def _rows(report: PullReport) -> Iterator[tuple[object, ...]]:
    for each in (*report.present, *report.pulled):
        digest, replaced = each.descriptor.digest, each.replaced
        state = "present" if each in report.present else _state(each)
        yield each.name, digest, state, replaced, each.fetched, None
    for reference, error in report.failures:
        yield str(reference.with_default_tag()), None, "failed", None, None, str(error)


def _summary(report: PullReport) -> dict[str, object]:
    return {
        "images": len(report.present) + len(report.pulled),
        "failed": len(report.failures),
        "transferred": sum(each.fetched for each in report.pulled),
    }


def _news(pulled: Pulled) -> str:
    state = _state(pulled)
    return f"moved from {pulled.replaced}" if state == "moved" else state


def _state(pulled: Pulled) -> str:
    """Return the state that the pull caused: new, moved, completed or unchanged."""
    if pulled.replaced is not None:
        return "moved"
    if pulled.is_new:
        return "new"
    return "completed" if pulled.fetched else "unchanged"
