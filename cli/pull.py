"""``cachedb pull``: download images from registries into the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.options.cache import CacheOption, create_cache
from cachedb.cli.options.common import (
    ArchOption,
    FormatOption,
    NamesArgument,
    PlatformOption,
    QuietOption,
    platforms,
)
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
from cachedb.cli.render.actions import print_items
from cachedb.cli.render.tables import Column, Format
from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.operations.transfer.pull import Pulled, PullReport

_COLUMNS = (
    Column("name"),
    Column("digest"),
    Column("state"),
    Column("replaced"),
    Column("transferred"),
    Column("error"),
)


def command(
    names: NamesArgument,
    cache: CacheOption = None,
    platform: PlatformOption = None,
    arch: ArchOption = None,
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
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Pull images for all platforms or for some.

    Present blobs are not transferred again, and an interrupted pull is resumed. With --platform
    the whole index is kept, so that another platform can be added later.
    """
    from cachedb.cli.render.progress import watching
    from cachedb.oci import Digest, Reference
    from cachedb.operations.transfer.pull import PullOptions
    from cachedb.operations.transfer.workers import JOBS

    wanted = platforms(platform, arch)
    if wanted and all_platforms:
        raise InvalidInput("--platform and --all-platforms exclude each other")
    references = [Reference.parse(name) for name in names]
    options = PullOptions(
        platforms=wanted,
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
    _print(report, form, quiet=quiet)


def _print(report: PullReport, form: str, *, quiet: bool) -> None:
    if quiet:
        for pulled in report.pulled:
            output.say(pulled.descriptor.digest)
    elif form is Format.TABLE:
        for pulled in report.pulled:
            fetched = f", {output.size(pulled.fetched)} transferred" if pulled.fetched else ""
            name, digest = output.show(pulled.name), pulled.descriptor.digest
            output.say(f"{name}  {digest}  {_news(pulled)}{fetched}")
    else:
        print_items(_COLUMNS, _rows(report), _summary(report), form)
    for reference, error in report.failures[:-1]:
        output.tell(f"cachedb: {reference.familiar}: {error}")
    if report.failures:
        raise report.failures[-1][1]


def _rows(report: PullReport) -> Iterator[tuple[object, ...]]:
    for each in report.pulled:
        digest, replaced = each.descriptor.digest, each.replaced
        yield each.name, digest, _state(each), replaced, each.fetched, None
    for reference, error in report.failures:
        yield str(reference.with_default_tag()), None, "failed", None, None, str(error)


def _summary(report: PullReport) -> dict[str, object]:
    return {
        "images": len(report.pulled),
        "failed": len(report.failures),
        "transferred": sum(each.fetched for each in report.pulled),
    }


def _news(pulled: Pulled) -> str:
    state = _state(pulled)
    return f"moved from {pulled.replaced}" if state == "moved" else state


def _state(pulled: Pulled) -> str:
    """Return what the pull changed: the name, its digest, the blobs."""
    if pulled.replaced is not None:
        return "moved"
    if pulled.is_new:
        return "new"
    return "completed" if pulled.fetched else "unchanged"
