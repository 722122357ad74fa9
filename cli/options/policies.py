"""What gc removes and spares, on the command line: the options, and what is shown of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.options.completion import query_in_one_word, query_of_blobs
from cachedb.cli.options.query import read_query
from cachedb.cli.options.values import fraction
from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from cachedb.cache import Cache
    from cachedb.operations.gc.retention import Policy
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
