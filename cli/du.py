"""``cachedb du``: disk usage of images, and what removing them frees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import FormatOption, SomeNamesArgument
from cachedb.cli.options.fleet import (
    FleetOption,
    OnlyOption,
    WithoutOption,
    open_fleet,
    refuse_members,
)
from cachedb.cli.options.query import (
    ParamOption,
    TimeZoneOption,
    WhereOption,
    print_if_empty,
    selection,
)
from cachedb.cli.options.values import number
from cachedb.cli.render import usage_tables
from cachedb.cli.render.tables import Format
from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from cachedb.operations.read.grouped_usage import GroupKey

_KEYS = ("registry", "repository", "platform")
SortKeysOption = Annotated[
    str, typer.Option("--sort", metavar="KEYS", help="Columns; -size,names: largest first.")
]
MostOption = Annotated[
    int | None,
    typer.Option("--limit", parser=number, metavar="NUMBER", help="Rows to print."),
]
GroupKeyOption = Annotated[
    str | None,
    typer.Option(
        "--group-by",
        metavar="KEY",
        help="Measure images by registry, repository or platform.",
        autocompletion=lambda: list(_KEYS),
    ),
]
TreeOption = Annotated[
    bool, typer.Option("--tree", help="Print registries, repositories and images as a tree.")
]


def command(
    names: SomeNamesArgument = None,
    where: WhereOption = None,
    param: ParamOption = None,
    tz: TimeZoneOption = None,
    cache: CacheOption = None,
    sort: SortKeysOption = "-size",
    limit: MostOption = None,
    group: GroupKeyOption = None,
    tree: TreeOption = False,
    fleet: FleetOption = False,
    only: OnlyOption = None,
    without: WithoutOption = None,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Show disk usage: total, shared and exclusive.

    Exclusive blobs are those that removing the image frees; the total line measures all images
    together. In every format but JSON, the total is the last row, of the kind `total`; JSON has
    `totals`.

    --fleet measures every cache of a fleet: `total` counts a blob for each cache that holds it,
    `unique` once.
    """
    if tree and group is not None:
        raise InvalidInput("both --tree and --group-by are given", hint="use one of them")
    if fleet:
        if names or where is not None or tree or group is not None:
            what = "--fleet measures whole caches"
            raise InvalidInput(what, hint="cachedb query --fleet refs group cache show total")
        with open_fleet(cache) as asked:
            found = asked.usage(only=only or (), without=without or ())
        if not quiet:
            usage_tables.print_caches(*found, sort=sort, limit=limit, form=form)
        return
    refuse_members(only, without)
    with open_cache(cache) as opened:
        roots = None
        if names or where is not None:
            query = selection(opened, where, param, tz, quiet=quiet)
            roots = opened.targets(names or (), query)
            print_if_empty(opened, query, roots, quiet=quiet)
        usage = opened.usage() if roots is None else None
        totals = (usage or opened.usage_of_roots(roots or ())).totals()
        if group is not None:
            groups = usage_tables.group_rows(opened.usage_by(_key(group), roots))
            groups = usage_tables.chosen(usage_tables.GROUPS, groups, sort, limit)
            if not quiet:
                usage_tables.print_rows("groups", usage_tables.GROUPS, groups, totals, form)
        elif tree and not quiet:
            usage_tables.print_tree(opened.usage_tree(roots), totals, form)
        else:
            images = opened.usage_of_each(roots or ()) if usage is None else usage.images
            usage_tables.print_images(
                images, totals, sort=sort, limit=limit, form=form, quiet=quiet
            )


def _key(text: str) -> GroupKey:
    if text not in _KEYS:
        raise InvalidInput(f"--group-by: no key {text!r}", hint=f"one of {', '.join(_KEYS)}")
    from cachedb.operations.read.grouped_usage import GroupKey

    return GroupKey(text)
