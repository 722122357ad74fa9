"""Results of push and copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.cli.render import output
from cachedb.cli.render.actions import print_items
from cachedb.cli.render.tables import Column, Format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.operations.transfer.push import Pushed, PushReport

_COLUMNS = tuple(
    map(
        Column,
        (
            "name", "target", "digest", "state", "sent", "uploaded", "mounted", "existed",
            "referrers", "arch_tags", "error",
        ),
    )
)  # fmt: skip


def print_report(report: PushReport, form: str, *, quiet: bool) -> None:
    """Print the pushed images; raise the last failure."""
    if quiet:
        for pushed in report.pushed:
            output.print_stdout(pushed.descriptor.digest)
    elif form is Format.TABLE:
        for pushed in _with_attached(report):
            output.print_stdout(f"{pushed.target}  {pushed.descriptor.digest}  {_news(pushed)}")
            for tag in pushed.arch_tags:
                output.print_stdout(f"{tag}")
    else:
        print_items(_COLUMNS, _rows(report), _summary(report), form)
    for sending, error in report.failures[:-1]:
        output.print_stderr(f"cachedb: {sending.target.familiar}: {error}")
    if report.failures:
        raise report.failures[-1][1]


def _with_attached(report: PushReport) -> Iterator[Pushed]:
    """Yield the pushed images, each before its attachments by tag."""
    for pushed in report.pushed:
        yield pushed
        yield from pushed.attached


def _rows(report: PushReport) -> Iterator[tuple[object, ...]]:
    for each in _with_attached(report):
        yield (
            each.name,
            str(each.target),
            each.descriptor.digest,
            each.change.value,
            each.sent,
            each.uploaded,
            each.mounted,
            each.existed,
            list(each.referrers),
            list(each.arch_tags),
            None,
        )
    for sending, error in report.failures:
        failed = (sending.name, str(sending.target), sending.root.digest, "failed")
        yield (*failed, *(None,) * 6, str(error))


def _summary(report: PushReport) -> dict[str, object]:
    return {
        "images": len(report.pushed),
        "failed": len(report.failures),
        "sent": sum(each.sent for each in _with_attached(report)),
    }


def _news(pushed: Pushed) -> str:
    counts = (
        (f"{output.count(pushed.uploaded, 'blob')} uploaded", pushed.uploaded),
        (f"{pushed.mounted} mounted", pushed.mounted),
        (f"{pushed.existed} already present", pushed.existed),
        (output.count(len(pushed.referrers), "referrer"), len(pushed.referrers)),
    )
    parts = [pushed.change.value, *(text for text, number in counts if number)]
    return ", ".join(parts) + (f"  ({output.size(pushed.sent)})" if pushed.sent else "")
