"""``cachedb clean``: remove all images."""

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
from cachedb.cli.rm import tell_unpublished
from cachedb.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.operations.read.resolve import Root
    from cachedb.operations.transfer.remote_inspect import Published


def command(
    cache: CacheOption = None,
    published_only: Annotated[
        bool,
        typer.Option("--published-only", help="Remove only images that their registry has."),
    ] = False,
    insecure: InsecureOption = None,
    cert_file: CertificateOption = None,
    client_cert: ClientCertificateOption = None,
    trust_realm: TrustRealmOption = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Remove all names, and all blobs that no running operation holds.

    Other files in the directory stay. A directory that is no image layout is refused.

    With --published-only, remove names whose registry has the same image, and the blobs that only
    these images use.
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
        tell_unpublished(answers)
        _tell(len(roots), freed, str(folder))
    for answer in answers:
        if isinstance(answer.error, RegistryError):
            raise answer.error


def _tell(names: int, freed: int | None, folder: str) -> None:
    what = output.count(names, "name")
    if freed is None:
        output.tell(f"would remove {what} from {folder}")
    else:
        output.tell(f"removed {what} from {folder}; freed {output.size(freed)}")
