"""``cachedb rm``: remove names from index.json."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import DryRunOption, QuietOption, SomeNamesArgument, YesOption
from cachedb.cli.options.query import ParamOption, TimeZoneOption, WhereOption, selection
from cachedb.cli.options.registries import (
    CertificateOption,
    ClientCertificateOption,
    InsecureOption,
    TrustRealmOption,
    connector,
)
from cachedb.cli.render import output
from cachedb.errors import InvalidInput, Refused, RegistryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.operations.gc.remove import RemovalPlan
    from cachedb.operations.transfer.remote_inspect import Published


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
    names: SomeNamesArgument = None,
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
    quiet: QuietOption = False,
) -> None:
    """Remove names from the cache; blobs stay until `cachedb gc`.

    Other names of the same image stay. A name that does not exist is reported, and is an error
    only with --strict. With --where, the selected names are printed and confirmed first.
    """
    answers: Sequence[Published] = ()
    with open_cache(cache) as opened:
        if not names and where is None and not published_only:
            raise InvalidInput("no image given", hint="cachedb rm NAME, or --where QUERY")
        query = selection(opened, where, param, tz, quiet=quiet)
        if strict and names:
            opened.targets(names)  # raises
        if published_only:
            with connector(None, insecure, cert_file, client_cert, trust_realm) as connect:
                plan, answers = opened.plan_published_removal(names or (), connect, query)
        else:
            plan = opened.plan_removal(names or (), query)
        held = opened.kept_besides(plan) if dry_run else ()
        if where is not None and not dry_run and not yes and not _is_agreed(plan):
            output.tell("removed nothing")
            return
        removed = plan.roots if dry_run else opened.remove(plan)
    for root in removed:
        output.say(
            root.digest if quiet else f"{output.show(root.name or '<none>')}  {root.digest}"
        )
    if not quiet:
        for error in plan.absent:
            output.tell(f"{error}" + (f" ({error.hint})" if error.hint else ""))
        tell_unpublished(answers)
        tell_unnamed(plan)
        many, freed = output.count(len(removed), "name"), output.size(plan.freed)
        done = "would remove" if dry_run else "removed"
        output.tell(f"{done} {many}; gc can free {freed}")
        output.tell_shared(held)
    for answer in answers:
        if isinstance(answer.error, RegistryError):
            raise answer.error


def _is_agreed(plan: RemovalPlan) -> bool:
    """Print the selected names and ask for confirmation."""
    what = output.count(len(plan.roots), "name")
    if not plan.roots:
        return True
    if not sys.stdin.isatty():
        why = f"refusing to remove {what} without confirmation: stdin is not a terminal"
        raise Refused(why, hint="--yes, or --dry-run to list them")
    for root in plan.roots:
        output.tell(f"{root.name or '<none>'}  {root.digest}")
    return typer.confirm(f"remove {what}?", err=True)


def tell_unnamed(plan: RemovalPlan) -> None:
    """Print which entries without a name keep part of what the removed names contain."""
    if plan.unnamed:
        output.tell("kept entries without a name, which hold part of the content:")
        for root in plan.unnamed:
            output.tell(f"<none>  {root.digest}  (cachedb rm {root.digest})")


def tell_unpublished(answers: Sequence[Published]) -> None:
    """Print why each unpublished name stays."""
    from cachedb.operations.transfer.remote_inspect import Publication

    reasons = {
        Publication.ABSENT: "not in its registry",
        Publication.DIFFERENT: "its registry has another image of that name",
    }
    for answer in answers:
        if not answer.is_published:
            why = reasons.get(answer.publication) or str(answer.error)
            output.tell(f"kept {answer.root.name or answer.root.digest}: {why}")
