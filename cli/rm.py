"""``cachedb rm``: remove names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli import output
from cachedb.cli.options import (
    CacheOption,
    DryRunOption,
    QuietOption,
    SomeNamesArgument,
    WhereOption,
    open_cache,
    selection,
)
from cachedb.cli.registries import (
    CertificateOption,
    ClientCertificateOption,
    InsecureOption,
    TrustRealmOption,
    connector,
)
from cachedb.errors import InvalidInput, RegistryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.operations.remote import Published


def command(
    names: SomeNamesArgument = None,
    where: WhereOption = None,
    cache: CacheOption = None,
    published_only: Annotated[
        bool,
        typer.Option(
            "--published-only",
            help="Only what its registry has too; of all names if none is given.",
        ),
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Remove nothing, and fail, if a name is not there."),
    ] = False,
    insecure: InsecureOption = None,
    cert_file: CertificateOption = None,
    client_cert: ClientCertificateOption = None,
    trust_realm: TrustRealmOption = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Remove names from the cache; blobs stay until `cachedb gc`.

    An image that has another name, and layers that another image uses, are not touched. A name
    that is not there is told, and is no error.
    """
    answers: Sequence[Published] = ()
    with open_cache(cache) as opened:
        if not names and where is None and not published_only:
            raise InvalidInput("say what to remove: names, or --where QUERY")
        query = selection(opened, where)
        if strict and names:
            opened.targets(names)  # raises
        if published_only:
            with connector(None, insecure, cert_file, client_cert, trust_realm) as connect:
                plan, answers = opened.plan_published_removal(names or (), connect, query)
        else:
            plan = opened.plan_removal(names or (), query)
        removed = plan.roots if dry_run else opened.remove(plan)
    for root in removed:
        output.say(
            root.digest if quiet else f"{output.show(root.name or '<none>')}  {root.digest}"
        )
    if not quiet:
        for error in plan.absent:
            output.tell(f"{error}" + (f" ({error.hint})" if error.hint else ""))
        tell_kept(answers)
        many, freed = output.count(len(removed), "name"), output.size(plan.freed)
        output.tell(
            f"{many} would be removed, which would leave {freed} to gc"
            if dry_run
            else f"{many} removed, which leaves {freed} to gc"
        )
    for answer in answers:
        if isinstance(answer.error, RegistryError):
            raise answer.error


def tell_kept(answers: Sequence[Published]) -> None:
    """Say of each name that stays why it does."""
    from cachedb.operations.remote import Publication

    reasons = {
        Publication.ABSENT: "its registry does not have it",
        Publication.DIFFERENT: "its registry has another image by that name",
    }
    for answer in answers:
        if not answer.is_published:
            why = reasons.get(answer.publication) or f"could not ask: {answer.error}"
            output.tell(f"kept {answer.root.name or answer.root.digest}: {why}")
