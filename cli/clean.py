"""``cachedb clean``: remove all images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.feedback.confirmation import confirm
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import DryRunOption, FormatOption, YesOption
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
    print_pinned,
    print_unpublished,
    raise_registry_error,
    rows_of_pinned,
    rows_of_removal,
)
from cachedb.cli.render.tables import Format

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    yes: YesOption = False,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Remove all names, and all blobs that no running operation holds.

    Asks for confirmation without --yes. Pinned names stay (cachedb unpin), and so do other files
    in the directory. A directory that is no image layout is refused.

    With --published-only, remove names whose registry has the same image, and the blobs that only
    these images use.
    """
    answers: Sequence[Published] = ()
    with open_cache(cache) as opened:
        folder = str(opened.layout.root)
        if published_only:
            with connector(None, insecure, cert_file, client_cert, trust_realm) as connect:
                plan, answers = opened.plan_published_removal((), connect)
        else:
            plan = opened.plan_clean()
        roots = plan.roots
        if not dry_run and not yes:
            what = "published image" if published_only else "name"
            confirm(f"remove {output.count(len(roots), what)} with their blobs from {folder}")
        report = None
        if not dry_run:
            report = opened.discard(roots) if published_only else opened.clean()
    freed = None if report is None else report.freed
    if quiet:
        for root in roots:
            output.print_stdout(root.digest)
    elif form is Format.TABLE:
        for root in roots:
            output.print_stdout(f"{output.show(root.name or '<none>')}  {root.digest}")
    else:
        rows = [*rows_of_removal(roots, answers, is_done=not dry_run), *rows_of_pinned(plan)]
        summary = {"removed": len(roots), "freed": freed, "is_dry_run": dry_run}
        print_items(REMOVALS, rows, summary, form)
    if not quiet:
        print_pinned(plan)
        _print_outcome(len(roots), answers, freed, folder)
    raise_registry_error(answers)


def _print_outcome(
    names: int, answers: Sequence[Published], freed: int | None, folder: str
) -> None:
    print_unpublished(answers)
    what = output.count(names, "name")
    if freed is None:
        output.print_stderr(f"would remove {what} from {folder}")
    else:
        output.print_stderr(f"removed {what} from {folder}; freed {output.size(freed)}")
