"""``cachedb push``: upload images from the cache to registries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import PlatformOption, QuietOption, SomeNamesArgument
from cachedb.cli.options.query import (
    ParamOption,
    TimeZoneOption,
    WhereOption,
    chosen_names,
    selection,
)
from cachedb.cli.options.registries import (
    CertificateOption,
    ClientCertificateOption,
    InsecureOption,
    JobsOption,
    TrustRealmOption,
    connector,
)
from cachedb.cli.render import output

if TYPE_CHECKING:
    from cachedb.operations.transfer.push import Pushed, PushReport

OverrideOption = Annotated[
    bool,
    typer.Option("--override", help="Replace an image that has the tag."),
]
ArchTagsOption = Annotated[
    bool,
    typer.Option("--with-arch-tags", help="Tag each platform as well: TAG-amd64, TAG-arm-v7."),
]


def command(
    names: SomeNamesArgument = None,
    where: WhereOption = None,
    param: ParamOption = None,
    tz: TimeZoneOption = None,
    cache: CacheOption = None,
    remote_name: Annotated[
        str | None,
        typer.Option(
            "--remote-name", metavar="REFERENCE", help="Push to REFERENCE instead of the name."
        ),
    ] = None,
    platform: PlatformOption = None,
    with_arch_tags: ArchTagsOption = False,
    override: OverrideOption = False,
    jobs: JobsOption = None,
    insecure: InsecureOption = None,
    cert_file: CertificateOption = None,
    client_cert: ClientCertificateOption = None,
    trust_realm: TrustRealmOption = None,
    quiet: QuietOption = False,
) -> None:
    """Push images with their referrers; blobs that the registry has are not sent.

    If the tag resolves to another index, the two are merged, and pushed platforms replace those
    of the registry. Any other image is replaced with --override only.
    """
    from cachedb.cli.render.progress import watching
    from cachedb.oci import Platform, Reference
    from cachedb.operations.transfer.push import Conflict, PushOptions
    from cachedb.operations.transfer.workers import JOBS

    target = None if remote_name is None else Reference.parse(remote_name)
    options = PushOptions(
        platforms=tuple(map(Platform.parse, platform or ())),
        jobs=jobs or JOBS,
        has_arch_tags=with_arch_tags,
        conflict=Conflict.REPLACE if override else Conflict.MERGE,
    )
    with (
        open_cache(cache) as opened,
        connector(None, insecure, cert_file, client_cert, trust_realm) as connect,
        watching(quiet=quiet) as progress,
    ):
        query = selection(opened, where, param, tz, quiet=quiet)
        report = opened.push_each(
            opened.plan_push(chosen_names(opened, names, query), target, options.platforms),
            connect,
            options,
            progress,
        )
    show(report, quiet=quiet)


def show(report: PushReport, *, quiet: bool) -> None:
    """Print the pushed images; raise the last failure."""
    for pushed in report.pushed:
        if quiet:
            output.say(pushed.descriptor.digest)
        else:
            output.say(f"{pushed.target}  {pushed.descriptor.digest}  {_news(pushed)}")
            for tag in pushed.arch_tags:
                output.say(f"{tag}")
    for sending, error in report.failures[:-1]:
        output.tell(f"cachedb: {sending.target.familiar}: {error}")
    if report.failures:
        raise report.failures[-1][1]


def _news(pushed: Pushed) -> str:
    counts = (
        (f"{output.count(pushed.uploaded, 'blob')} uploaded", pushed.uploaded),
        (f"{pushed.mounted} mounted", pushed.mounted),
        (f"{pushed.existed} already present", pushed.existed),
        (output.count(len(pushed.referrers), "referrer"), len(pushed.referrers)),
    )
    parts = [pushed.change.value, *(text for text, number in counts if number)]
    return ", ".join(parts) + (f"  ({output.size(pushed.sent)})" if pushed.sent else "")
