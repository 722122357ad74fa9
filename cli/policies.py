"""What gc removes and spares, on the command line: the options, and what is shown of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli import output
from cachedb.cli.completion import query_in_one_word, query_of_blobs
from cachedb.cli.options import fraction, read_query
from cachedb.cli.output import Column, Format
from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cachedb.cache import Cache
    from cachedb.operations.gc.mark import GCPlan, Kept
    from cachedb.operations.gc.retention import Policy, RetentionPlan
    from cachedb.query.syntax.tree import Query

DropOption = Annotated[
    list[str] | None,
    typer.Option(
        "--drop",
        metavar="QUERY",
        help="First remove these names; may be given again.",
        autocompletion=query_in_one_word,
    ),
]
KeepOption = Annotated[
    list[str] | None,
    typer.Option(
        "--keep",
        metavar="QUERY",
        help="But never these; may be given again.",
        autocompletion=query_in_one_word,
    ),
]
KeepOnlyOption = Annotated[
    str | None,
    typer.Option(
        "--keep-only",
        metavar="QUERY",
        help="First remove every other name.",
        autocompletion=query_in_one_word,
    ),
]
MaxDropOption = Annotated[
    str | None,
    typer.Option(
        "--max-drop",
        metavar="PERCENT",
        help="Refuse to remove more than this part of the names or of the bytes.",
        show_default="100%",
    ),
]
WhereBlobsOption = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="QUERY",
        help="Of what nothing keeps, only the blobs that this query selects.",
        autocompletion=query_of_blobs,
    ),
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
    Column("digest", lambda digest: output.digest(digest) if digest else ""),
    Column("path"),
    Column("kind"),
    Column("size", output.size, is_number=True),
    Column("action"),
    Column("reason", _reason),
    Column("name"),
)


def policy_of(
    opened: Cache,
    drop: list[str] | None,
    keep: list[str] | None,
    keep_only: str | None,
    max_drop: str | None,
    param: list[str] | None,
    tz: str | None,
) -> Policy | None:
    """Read the rules; None if nothing is to be dropped by any."""
    from cachedb.operations.gc.retention import Policy

    def read(text: str) -> Query:
        return read_query(opened, text, param, tz)

    dropped = [read(text) for text in drop or ()]
    if keep_only is not None:
        dropped.append(~read(keep_only))
    if dropped:
        most = 1.0 if max_drop is None else fraction(max_drop)
        return Policy(drop=tuple(dropped), keep=tuple(map(read, keep or ())), most=most)
    given = "--keep" if keep else "--max-drop" if max_drop is not None else None
    if given is not None:
        raise InvalidInput(
            f"{given} is about what --drop or --keep-only removes, and there is neither",
            hint="cachedb gc --drop 'used before 90d' --keep tag:latest",
        )
    return None


def _decisions(plan: RetentionPlan) -> Iterator[tuple[object, ...]]:
    for each in plan.decisions:
        action = "remove" if each.is_dropped else "keep"
        yield each.root.name, each.root.digest, action, each.rule


def tell_about(plan: RetentionPlan) -> None:
    """Say what there is to say about the rules themselves."""
    for each in plan.saved:
        output.tell(f"@{each.name} is {each.text!r}  ({each.fingerprint})")
    for note in plan.notes:
        output.tell(f"note: {note}")


def print_plan(retention: RetentionPlan | None, rows: list[tuple[object, ...]], form: str) -> None:
    """Write what becomes of names, and what becomes of blobs and litter."""
    names = [] if retention is None else list(_decisions(retention))
    if form is not Format.TABLE:
        named = (
            (digest, None, "name", None, action, rule, name)
            for name, digest, action, rule in names
        )
        output.render(_COLUMNS, [*named, *rows], form)
        return
    if names:
        output.render(_DECISIONS, names, form)
    if names and rows:
        output.say()
    if rows:
        # What no row has to say needs no column on a screen.
        said = [i for i in range(len(_COLUMNS)) if any(row[i] is not None for row in rows)]
        columns = [_COLUMNS[i] for i in said]
        output.render(columns, ([row[i] for i in said] for row in rows), form)


def rows_of(plan: GCPlan) -> Iterator[tuple[object, ...]]:
    """Yield what becomes of what nothing keeps."""
    for action, candidates in (("remove", plan.garbage), ("keep", plan.spared)):
        for each in candidates:
            kind = each.kind.name.lower()
            yield each.digest, None, kind, each.size, action, str(each.reason), None
    for action, litter in (("remove", plan.litter), ("keep", plan.spared_litter)):
        for left in litter:
            kind = f"left by {left.tool}"
            yield None, left.path, kind, left.size, action, str(left.reason), None


def rows_of_kept(kept: Iterable[Kept]) -> Iterator[tuple[object, ...]]:
    """Yield what a name keeps, and which."""
    from cachedb.operations.gc.mark import Reason

    for each in kept:
        kind, name = each.kind.name.lower(), each.name or ""
        yield each.digest, None, kind, each.size, "keep", str(Reason.NAMED), name
