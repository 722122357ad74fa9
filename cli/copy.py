"""``cachedb copy``: copy an image from one registry to another."""

from __future__ import annotations

from typing import Annotated

import typer

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, create_cache
from cachedb.cli.options.common import (
    ArchOption,
    FormatOption,
    PlatformOption,
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
from cachedb.cli.push import ArchTagsOption, OverrideOption
from cachedb.cli.render.pushes import print_report
from cachedb.cli.render.tables import Format


def command(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Image to copy.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Name to copy it to.")],
    cache: CacheOption = None,
    platform: PlatformOption = None,
    arch: ArchOption = None,
    referrers: Annotated[
        bool,
        typer.Option(
            "--referrers/--no-referrers",
            help="Copy signatures, SBOMs and other referrers as well.",
        ),
    ] = True,
    with_arch_tags: ArchTagsOption = False,
    override: OverrideOption = False,
    jobs: JobsOption = None,
    mirror: MirrorOption = None,
    insecure: InsecureOption = None,
    cert_file: CertificateOption = None,
    client_cert: ClientCertificateOption = None,
    trust_realm: TrustRealmOption = None,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Copy an image from one registry to another, through the cache, which keeps it.

    Blobs that the cache or the target has are not transferred; within one registry they are
    mounted. Tags that cosign 2 attached are copied with the image.
    """
    from cachedb.oci import Reference
    from cachedb.operations.transfer.push import PushReport

    references = Reference.parse(source), Reference.parse(target)
    with (
        create_cache(cache) as opened,
        connector(mirror, insecure, cert_file, client_cert, trust_realm) as connect,
    ):
        copied = opened.copy(
            *references,
            platforms=platforms(platform, arch),
            referrers=referrers,
            arch_tags=with_arch_tags,
            override=override,
            jobs=jobs,
            registries=connect,
        )
    print_report(PushReport(pushed=(copied.pushed,), failures=()), form, quiet=quiet)
