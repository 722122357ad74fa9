"""``cachedb clean``: empty the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import DryRunOption, QuietOption
from cachedb.cli.options.registries import (
    CertificateOption,
    ClientCertificateOption,
    InsecureOption,
    TrustRealmOption,
    connector,
)
from cachedb.cli.render import output
from cachedb.cli.rm import tell_kept
from cachedb.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.operations.read.resolve import Root
    from cachedb.operations.transfer.remote_inspect import Published


def command(
    cache: CacheOption = None,
    published_only: Annotated[
        bool, typer.Option("--published-only", help="Only what its registry has too.")
    ] = False,
    insecure: InsecureOption = None,
    cert_file: CertificateOption = None,
    client_cert: ClientCertificateOption = None,
    trust_realm: TrustRealmOption = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Empty the cache: every name goes, and every blob that no running operation holds.

    Files of other kinds in its folder stay, and a folder that is no image layout is refused.

    With --published-only, names go that their registries have as they are here, and the blobs
    that only these need.
    """
    answers: Sequence[Published] = ()
    with open_cache(cache) as opened:
        roots: Sequence[Root]
        if published_only:
            with connector(None, insecure, cert_file, client_cert, trust_realm) as connect:
                plan, answers = opened.plan_published_removal((), connect)
            roots = plan.roots
            freed = None if dry_run else opened.discard(roots).freed
        else:
            roots = opened.targets()
            freed = None if dry_run else opened.clean().freed
        folder = opened.layout.root
    if not quiet:
        for root in roots:
            output.say(f"{output.show(root.name or '<none>')}  {root.digest}")
        tell_kept(answers)
        _tell(len(roots), freed, str(folder))
    for answer in answers:
        if isinstance(answer.error, RegistryError):
            raise answer.error


def _tell(names: int, freed: int | None, folder: str) -> None:
    what = output.count(names, "name")
    if freed is None:
        output.tell(f"{what} would be removed from {folder}")
    else:
        output.tell(f"{what} removed from {folder}: {output.size(freed)} freed")
