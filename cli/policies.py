"""What gc removes and spares, on the command line: the options, and what is shown of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli import output
from cachedb.cli.options import fraction, selection
from cachedb.cli.output import Column, Format

if TYPE_CHECKING:
    from cachedb.cache import Cache
    from cachedb.operations.retention import Policy, RetentionPlan

DropOption = Annotated[
    list[str] | None,
    typer.Option("--drop", metavar="QUERY", help="First remove these names; may be given again."),
]
KeepOption = Annotated[
    list[str] | None,
    typer.Option("--keep", metavar="QUERY", help="But never these; may be given again."),
]
KeepOnlyOption = Annotated[
    str | None,
    typer.Option("--keep-only", metavar="QUERY", help="First remove every other name."),
]
MaxDropOption = Annotated[
    str,
    typer.Option("--max-drop", metavar="PERCENT", help="Refuse to remove more than this part."),
]

GraceOption = Annotated[
    str,
    typer.Option("--grace", metavar="AGE", help="Spare what is younger: 0, 90s, 30min, 1h, 2d."),
]
TrashOption = Annotated[
    str | None,
    typer.Option(
        "--trash-ttl",
        metavar="AGE",
        help="Keep what was removed for so long, should a tool come back for it.",
        show_default="as the grace",
    ),
]

_COLUMNS = (
    Column("name", lambda name: name or "<none>"),
    Column("digest", output.digest),
    Column("action"),
    Column("rule"),
)


def policy_of(
    opened: Cache,
    drop: list[str] | None,
    keep: list[str] | None,
    keep_only: str | None,
    max_drop: str,
) -> Policy | None:
    """Read the rules; None if nothing is to be dropped by any."""
    from cachedb.operations.retention import Policy

    dropped = [query for text in drop or () if (query := selection(opened, text))]
    if keep_only is not None and (only := selection(opened, keep_only)):
        dropped.append(~only)
    kept = [query for text in keep or () if (query := selection(opened, text))]
    if not dropped:
        return None
    return Policy(drop=tuple(dropped), keep=tuple(kept), most=fraction(max_drop))


def print_decisions(plan: RetentionPlan, form: Format) -> None:
    """Write what becomes of each name, and by which rule."""
    rows = (
        (
            decision.root.name,
            decision.root.digest,
            "remove" if decision.is_dropped else "keep",
            decision.rule,
        )
        for decision in plan.decisions
    )
    output.render(_COLUMNS, rows, form)
