"""Tables of collection plans and retention plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.cli.render import output, tables
from cachedb.cli.render.actions import print_items
from cachedb.cli.render.tables import Column, Format

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cachedb.operations.gc.mark import GCPlan, Kept
    from cachedb.operations.gc.retention import RetentionPlan

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


def tell_policy(plan: RetentionPlan) -> None:
    """Print the saved queries of a policy and the notes on it."""
    for each in plan.saved:
        output.tell(f"@{each.name} is {each.text!r}  ({each.fingerprint})")
    for note in plan.notes:
        output.tell(f"note: {note}")


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
        output.say()
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
