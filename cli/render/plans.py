"""Tables of collection plans and retention plans."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cachedb.cli.render import output, tables
from cachedb.cli.render.actions import print_items
from cachedb.cli.render.tables import Column, Format

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cachedb.operations.gc.mark import GCPlan, Kept
    from cachedb.operations.gc.retention import RetentionPlan
    from cachedb.operations.gc.sweep import GCReport

_MOST_MINUTES = 120
_DECISIONS = (
    Column("name", lambda name: name or "<none>"),
    Column("digest", output.digest),
    Column("action"),
    Column("rule"),
)


def _reason(code: str) -> str:
    from cachedb.operations.gc.mark import Reason

    return Reason(code).text


_COLUMNS = (
    Column("digest", output.digest),
    Column("path"),
    Column("kind"),
    Column("size", output.size, is_number=True),
    Column("action"),
    Column("reason", _reason),
    Column("name"),
)


def _decisions(plan: RetentionPlan) -> Iterator[tuple[object, ...]]:
    for each in plan.decisions:
        action = "remove" if each.is_dropped else "keep"
        yield each.root.name, each.root.digest, action, each.rule


def print_policy_summary(plan: RetentionPlan) -> None:
    """Print the saved queries of a policy and the notes on it."""
    for each in plan.saved:
        output.print_stderr(f"@{each.name} is {each.text!r}  ({each.fingerprint})")
    for note in plan.notes:
        output.print_stderr(f"note: {note}")


def print_plan(
    retention: RetentionPlan | None,
    rows: list[tuple[object, ...]],
    summary: Mapping[str, object],
    form: str,
) -> None:
    """Print the decisions on names, then those on blobs and temporary files."""
    names = [] if retention is None else list(_decisions(retention))
    if form is not Format.TABLE:
        named = (
            (digest, None, "name", None, action, rule, name)
            for name, digest, action, rule in names
        )
        print_items(_COLUMNS, [*named, *rows], summary, form)
        return
    if names:
        tables.render(_DECISIONS, names, form)
    if names and rows:
        output.print_stdout()
    if rows:
        # A table omits columns that are empty in every row.
        said = [i for i in range(len(_COLUMNS)) if any(row[i] is not None for row in rows)]
        columns = [_COLUMNS[i] for i in said]
        tables.render(columns, ([row[i] for i in said] for row in rows), form)


def rows_of(plan: GCPlan) -> Iterator[tuple[object, ...]]:
    """Yield the rows of unreferenced blobs and temporary files."""
    for action, candidates in (("remove", plan.garbage), ("keep", plan.spared)):
        for each in candidates:
            kind = each.kind.name.lower()
            yield each.digest, None, kind, each.size, action, str(each.reason), None
    for action, leftovers in (("remove", plan.leftovers), ("keep", plan.spared_leftovers)):
        for left in leftovers:
            kind = f"left by {left.tool}"
            yield None, left.path, kind, left.size, action, str(left.reason), None


def rows_of_kept(kept: Iterable[Kept]) -> Iterator[tuple[object, ...]]:
    """Yield the rows of referenced blobs, with the name of an image each."""
    from cachedb.operations.gc.mark import Reason

    for each in kept:
        kind, name = each.kind.name.lower(), each.name or ""
        yield each.digest, None, kind, each.size, "keep", str(Reason.NAMED), name


def summary_of(
    retention: RetentionPlan | None, plan: GCPlan, report: GCReport | None
) -> dict[str, object]:
    """Return the summary of a collection for programs."""
    return {
        "names": 0 if retention is None else len(retention.removal.roots),
        "blobs": len(plan.garbage),
        "size": plan.size,
        "leftovers": len(plan.leftovers),
        "freed": None if report is None else report.freed,
        "quarantined": None if report is None else report.quarantined,
        "kept": [
            {"reason": str(group.reason), "blobs": group.blobs, "size": group.size,
             "collectable_at": _moment(group.collectable_at)}
            for group in plan.kept_by_reason()
        ],
        "is_dry_run": report is None,
    }  # fmt: skip


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return output.rfc3339(datetime.fromtimestamp(seconds, UTC))


def print_blob_summary(plan: GCPlan, report: GCReport | None) -> None:
    """Print the number of deleted blobs, the freed bytes, and the blobs that stay."""
    blobs = output.count(len(plan.garbage), "blob")
    if report is None:
        left = sum(each.size for each in plan.leftovers)
        files = output.count(len(plan.leftovers), "leftover")
        besides = f" and {files} ({output.size(left)})" if plan.leftovers else ""
        output.print_stderr(f"would delete {blobs} ({output.size(plan.size)}){besides}")
        _print_kept(plan)
        return
    quarantined = output.size(report.quarantined)
    later = f", {quarantined} quarantined" if report.quarantined else ""
    output.print_stderr(f"deleted {blobs}; freed {output.size(report.freed)}{later}")
    _print_kept(plan)


def _print_kept(plan: GCPlan) -> None:
    """Print the remaining unreferenced blobs by reason, and when they can be collected."""
    for group in plan.kept_by_reason():
        blobs, size = output.count(group.blobs, "blob"), output.size(group.size)
        until = ""
        if group.collectable_at is not None:
            until = f", collectable in {_duration(group.collectable_at)}, or now with --grace 0"
        output.print_stderr(f"kept {blobs} ({size}): {group.reason.text}{until}")


def _duration(moment: float) -> str:
    """Return the time until a moment, in minutes or hours, rounded up."""
    minutes = max(1, math.ceil((moment - time.time()) / 60))
    return f"{minutes} min" if minutes <= _MOST_MINUTES else f"{math.ceil(minutes / 60)} h"
