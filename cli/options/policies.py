"""Options of gc: grace period, quarantine and retention policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.options.completion import query_of_blobs
from cachedb.cli.options.query import query_option, read_query
from cachedb.cli.options.values import fraction
from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from cachedb.cache import Cache
    from cachedb.operations.gc.retention import Policy
    from cachedb.query.syntax.tree import Query

DropOption = Annotated[
    list[str] | None,
    query_option("--drop", "Remove images that match QUERY first. Can be repeated."),
]
KeepOption = Annotated[
    list[str] | None,
    query_option("--keep", "Never remove images that match QUERY. Can be repeated."),
]
KeepOnlyOption = Annotated[
    str | None,
    query_option("--keep-only", "Remove images that do not match QUERY first."),
]
MaxDropOption = Annotated[
    str | None,
    typer.Option(
        "--max-drop",
        metavar="PERCENT",
        help="Refuse to remove more than this share of the names or of the bytes.",
        show_default="100%",
    ),
]
TrustClockOption = Annotated[
    bool,
    typer.Option("--trust-clock", help="Remove by age although the last activity is long ago."),
]
WhereBlobsOption = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="QUERY",
        help="Collect only unreferenced blobs that match QUERY.",
        autocompletion=query_of_blobs,
    ),
]

GraceOption = Annotated[
    str,
    typer.Option(
        "--grace", metavar="AGE", help="Grace period for young blobs: 0, 90s, 30min, 1h, 2d."
    ),
]
TrashOption = Annotated[
    str | None,
    typer.Option(
        "--trash-ttl",
        metavar="AGE",
        help="Time that deleted blobs stay in quarantine.",
        show_default="same as --grace",
    ),
]


def policy_of(
    opened: Cache,
    drop: list[str] | None,
    keep: list[str] | None,
    keep_only: str | None,
    max_drop: str | None,
    trust_clock: bool,  # noqa: FBT001
    param: list[str] | None,
    tz: str | None,
) -> Policy | None:
    """Parse the retention policy; None if no option drops images.

    Raises:
        InvalidInput: --keep or --max-drop is given without --drop and --keep-only.
    """
    from cachedb.operations.gc.retention import Policy

    def read(text: str) -> Query:
        return read_query(opened, text, param, tz)

    dropped = [read(text) for text in drop or ()]
    if keep_only is not None:
        dropped.append(~read(keep_only))
    if dropped:
        most = 1.0 if max_drop is None else fraction(max_drop)
        kept = tuple(map(read, keep or ()))
        return Policy(drop=tuple(dropped), keep=kept, most=most, trusts_clock=trust_clock)
    given = "--keep" if keep else "--max-drop" if max_drop is not None else None
    if given is not None:
        raise InvalidInput(
            f"{given} needs --drop or --keep-only",
            hint="cachedb gc --drop 'used before 90d' --keep tag:latest",
        )
    return None
