"""``cachedb rm``: remove names from index.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.feedback.confirmation import confirm
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import DryRunOption, FormatOption, YesOption
from cachedb.cli.options.completion import removable
from cachedb.cli.options.query import (
    ParamOption,
    TimeZoneOption,
    WhereOption,
    print_if_empty,
    selection,
)
from cachedb.cli.options.registries import (
    CertificateOption,
    ClientCertificateOption,
    InsecureOption,
    TrustRealmOption,
    connector,
)
from cachedb.cli.render import output
from cachedb.cli.render.actions import print_items
from cachedb.cli.render.removals import (
    REMOVALS,
    print_outcome,
    print_removed,
    raise_registry_error,
    rows_of_others,
    rows_of_removal,
    rows_of_unreadable,
)
from cachedb.cli.render.tables import Format
from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.cache import Cache
    from cachedb.operations.gc.remove import RemovalPlan
    from cachedb.operations.transfer.remote_inspect import Published
    from cachedb.query.syntax.tree import Query


RemovableArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        help="Names or digests, or addresses of unreadable entries.",
        autocompletion=removable,
    ),
]
PublishedOnlyOption = Annotated[
    bool,
    typer.Option(
        "--published-only",
        help="Remove only images that their registry has; without NAME, of all images.",
    ),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Fail and remove nothing if a name does not exist.")
]


def command(
    names: RemovableArgument = None,
    where: WhereOption = None,
    param: ParamOption = None,
    tz: TimeZoneOption = None,
    cache: CacheOption = None,
    published_only: PublishedOnlyOption = False,
    strict: StrictOption = False,
    insecure: InsecureOption = None,
    cert_file: CertificateOption = None,
    client_cert: ClientCertificateOption = None,
    trust_realm: TrustRealmOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Remove names from the cache; blobs stay until `cachedb gc`.

    Other names of the same image stay. A name that does not exist is reported, and is an error
    only with --strict. A pinned name is refused (cachedb unpin). With --where, the selected names
    are printed and confirmed first; pinned ones stay.

    An entry of index.json that cannot be read is removed by its address, as in
    'index.json[2]@0123456789ab' (cachedb ls prints it), or by the digest that it declares.
    """
    answers: Sequence[Published] = ()
    with open_cache(cache) as opened:
        if not names and where is None and not published_only:
            raise InvalidInput("no image given", hint="cachedb rm NAME, or --where QUERY")
        query = selection(opened, where, param, tz, quiet=quiet)
        if strict and names:
            for error in opened.plan_removal(names).absent:
                raise error
        if published_only:
            with connector(None, insecure, cert_file, client_cert, trust_realm) as connect:
                plan, answers = opened.plan_published_removal(names or (), connect, query)
        else:
            plan = opened.plan_removal(names or (), query)
        _print_if_empty(opened, query, plan, quiet=quiet or bool(names))
        held = opened.kept_besides(plan) if dry_run else ()
        if where is not None and plan.roots and not dry_run and not yes:
            _confirm(plan)
        removed = plan.roots if dry_run else opened.remove(plan)
    entries = len(removed) + len(plan.unreadable)
    if quiet or form is Format.TABLE:
        print_removed(plan, removed, quiet=quiet)
    else:
        rows = [
            *rows_of_removal(removed, answers, is_done=not dry_run),
            *rows_of_unreadable(plan, is_done=not dry_run),
            *rows_of_others(plan),
        ]
        summary = {"removed": entries, "freeable": plan.freed, "is_dry_run": dry_run}
        print_items(REMOVALS, rows, summary, form)
    if not quiet:
        print_outcome(plan, answers, entries, is_done=not dry_run)
        output.print_shared_blobs(held)
    raise_registry_error(answers)


def _print_if_empty(opened: Cache, query: Query | None, plan: RemovalPlan, *, quiet: bool) -> None:
    met = plan.roots or plan.pinned or plan.unnamed or plan.tagged
    print_if_empty(opened, query, met, quiet=quiet)


def _confirm(plan: RemovalPlan) -> None:
    """Print the selected names and ask for confirmation."""
    for root in plan.roots:
        output.print_stderr(f"{root.name or '<none>'}  {root.digest}")
    confirm(f"remove {output.count(len(plan.roots), 'name')}")
