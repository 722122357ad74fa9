"""``cachedb pull``: images from registries into the cache."""

from __future__ import annotations

from typing import Annotated

import typer

from cachedb.cli import output
from cachedb.cli.options import (
    CacheOption,
    NamesArgument,
    PlatformOption,
    QuietOption,
    create_cache,
)
from cachedb.cli.registries import CertificateOption, InsecureOption, MirrorOption, connector


def command(
    names: NamesArgument,
    cache: CacheOption = None,
    platform: PlatformOption = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", metavar="N", min=1, max=64, help="Blobs at a time."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Take an image of another platform than asked for.")
    ] = False,
    mirror: MirrorOption = None,
    insecure: InsecureOption = None,
    cert_file: CertificateOption = None,
    quiet: QuietOption = False,
) -> None:
    """Pull images, for all of their platforms or for some.

    What is there already is not transferred again, and an interrupted pull goes on where it
    stopped. With --platform the index is kept whole, so that another platform can be added later.
    """
    from cachedb.cli.watch import watching
    from cachedb.oci import Platform, Reference
    from cachedb.operations.pull import JOBS, PullOptions

    references = [Reference.parse(name) for name in names]
    options = PullOptions(
        platforms=tuple(map(Platform.parse, platform or ())), jobs=jobs or JOBS, is_forced=force
    )
    with (
        create_cache(cache) as opened,
        connector(mirror, insecure, cert_file) as connect,
        watching(quiet=quiet) as progress,
    ):
        report = opened.pull(references, connect, options, progress)
    for pulled in report.pulled:
        if quiet:
            output.say(pulled.descriptor.digest)
        else:
            news = f"{output.size(pulled.fetched)} transferred" if pulled.fetched else "unchanged"
            output.say(f"{output.show(pulled.name)}  {pulled.descriptor.digest}  {news}")
    for reference, error in report.failures[:-1]:
        output.tell(f"cachedb: {reference.familiar}: {error}")
    if report.failures:
        raise report.failures[-1][1]
