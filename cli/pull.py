"""``cachedb pull``: download images from registries into the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.options.cache import CacheOption, create_cache
from cachedb.cli.options.common import NamesArgument, PlatformOption, QuietOption
from cachedb.cli.options.registries import (
    CertificateOption,
    ClientCertificateOption,
    InsecureOption,
    JobsOption,
    MirrorOption,
    TrustRealmOption,
    connector,
)
from cachedb.cli.render import output
from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from cachedb.operations.transfer.pull import Pulled, PullReport


def command(
    names: NamesArgument,
    cache: CacheOption = None,
    platform: PlatformOption = None,
    all_platforms: Annotated[
        bool, typer.Option("--all-platforms", help="Pull every platform (default).")
    ] = False,
    referrers: Annotated[
        bool,
        typer.Option("--referrers", help="Pull signatures, SBOMs and other referrers as well."),
    ] = False,
    trusted: Annotated[
        str | None,
        typer.Option("--trusted", metavar="DIGEST", help="Pull DIGEST and give it the name NAME."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Accept an image of another platform than --platform.")
    ] = False,
    jobs: JobsOption = None,
    mirror: MirrorOption = None,
    insecure: InsecureOption = None,
    cert_file: CertificateOption = None,
    client_cert: ClientCertificateOption = None,
    trust_realm: TrustRealmOption = None,
    quiet: QuietOption = False,
) -> None:
    """Pull images for all platforms or for some.

    Present blobs are not transferred again, and an interrupted pull is resumed. With --platform
    the whole index is kept, so that another platform can be added later.
    """
    from cachedb.cli.render.progress import watching
    from cachedb.oci import Digest, Platform, Reference
    from cachedb.operations.transfer.pull import PullOptions
    from cachedb.operations.transfer.workers import JOBS

    if platform and all_platforms:
        raise InvalidInput("--platform and --all-platforms exclude each other")
    references = [Reference.parse(name) for name in names]
    options = PullOptions(
        platforms=tuple(map(Platform.parse, platform or ())),
        jobs=jobs or JOBS,
        is_forced=force,
        has_referrers=referrers,
        trusted=Digest(trusted) if trusted is not None else None,
    )
    with (
        create_cache(cache) as opened,
        connector(mirror, insecure, cert_file, client_cert, trust_realm) as connect,
        watching(quiet=quiet) as progress,
    ):
        report = opened.pull_each(references, connect, options, progress)
    _show(report, quiet=quiet)


def _show(report: PullReport, *, quiet: bool) -> None:
    for pulled in report.pulled:
        if quiet:
            output.say(pulled.descriptor.digest)
        else:
            name = output.show(pulled.name)
            output.say(f"{name}  {pulled.descriptor.digest}  {_outcome(pulled)}")
    for reference, error in report.failures[:-1]:
        output.tell(f"cachedb: {reference.familiar}: {error}")
    if report.failures:
        raise report.failures[-1][1]


def _outcome(pulled: Pulled) -> str:
    """Describe what the pull changed: the name, its digest, the blobs."""
    if pulled.replaced is not None:
        outcome = f"moved from {pulled.replaced}"
    elif pulled.is_new:
        outcome = "new"
    else:
        outcome = "completed" if pulled.fetched else "unchanged"
    size = f", {output.size(pulled.fetched)} transferred" if pulled.fetched else ""
    return f"{outcome}{size}"
