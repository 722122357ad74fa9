"""Options of prune and of policies: retention rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.options.query import query_option, read_query

if TYPE_CHECKING:
    from cachedb.cache import Cache
    from cachedb.operations.prune.rules import PruneRules

PruneKeepOption = Annotated[
    list[str] | None,
    query_option("--keep", "Keep names that match QUERY. Can be repeated."),
]
PruneDropOption = Annotated[
    list[str] | None,
    query_option("--drop", "Remove names that match QUERY. Can be repeated."),
]
KeepLastOption = Annotated[
    str | None,
    typer.Option("--keep-last", metavar="NUMBER", help="Keep the newest names of each group."),
]
GroupByOption = Annotated[
    str | None,
    typer.Option(
        "--group-by",
        metavar="FIELDS",
        help="Groups of --keep-last: repo, platform or repo,platform.",
        show_default="repo",
    ),
]
KeepWithinOption = Annotated[
    str | None,
    typer.Option(
        "--keep-within", metavar="AGE", help="Keep names that were pulled or added since: 30d."
    ),
]
UnusedForOption = Annotated[
    str | None,
    typer.Option("--unused-for", metavar="AGE", help="Remove names not used since: 90d."),
]
UntaggedOption = Annotated[bool, typer.Option("--untagged", help="Remove entries without a tag.")]
MaxSizeOption = Annotated[
    str | None,
    typer.Option(
        "--max-size",
        metavar="SIZE",
        help="Remove the least recently used until images take at most SIZE: 50G, 30%.",
    ),
]
MinFreeOption = Annotated[
    str | None,
    typer.Option(
        "--min-free",
        metavar="SIZE",
        help="Remove the least recently used until SIZE of the disk is free: 20G, 10%.",
    ),
]
AllOption = Annotated[bool, typer.Option("--all", help="Allow the removal of every name.")]


def rules_of(
    opened: Cache,
    keep: list[str] | None,
    drop: list[str] | None,
    keep_last: str | None,
    group_by: str | None,
    keep_within: str | None,
    unused_for: str | None,
    untagged: bool,  # noqa: FBT001
    max_size: str | None,
    min_free: str | None,
    param: list[str] | None,
    tz: str | None,
) -> PruneRules:
    """Parse the options of prune.

    Raises:
        InvalidInput: A value is not valid, or --group-by is given without --keep-last.
    """
    from cachedb.errors import InvalidInput
    from cachedb.operations.prune import rules
    from cachedb.operations.prune.rules import Age, PruneRules, SizeLimit

    if group_by is not None and keep_last is None:
        raise InvalidInput("--group-by needs --keep-last", hint="--keep-last 3 --group-by repo")
    return PruneRules(
        keep=tuple(read_query(opened, each, param, tz) for each in keep or ()),
        drop=tuple(read_query(opened, each, param, tz) for each in drop or ()),
        keep_last=None if keep_last is None else rules.keep_last(keep_last),
        group_by=("repo",) if group_by is None else rules.group_by(group_by),
        keep_within=None if keep_within is None else Age.parse(keep_within),
        unused_for=None if unused_for is None else Age.parse(unused_for),
        is_untagged=untagged,
        max_size=None if max_size is None else SizeLimit.parse(max_size),
        min_free=None if min_free is None else SizeLimit.parse(min_free),
    )
