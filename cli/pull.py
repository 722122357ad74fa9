"""``cachedb pull``: download images from registries into the cache."""

from __future__ import annotations

from typing import Annotated

import typer

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, create_cache
from cachedb.cli.options.common import (
    ArchOption,
    FormatOption,
    NamesArgument,
    PlatformOption,
    platforms,
)
from cachedb.cli.options.indexing import IndexFilesOption, indexing, not_indexing
from cachedb.cli.options.registries import (
    CertificateOption,
    ClientCertificateOption,
    InsecureOption,
    JobsOption,
    MirrorOption,
    TrustRealmOption,
    connector,
)
from cachedb.cli.render.pulls import print_report
from cachedb.cli.render.tables import Format
from cachedb.errors import InvalidInput

TrustedOption = Annotated[
    str | None,
    typer.Option("--trusted", metavar="DIGEST", help="Pull DIGEST and give it the name NAME."),
]
IfMissingOption = Annotated[
    bool,
    typer.Option(
        "--if-missing", help="Send no request for images that are complete in the cache."
    ),
]


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
    trusted: TrustedOption = None,
    if_missing: IfMissingOption = False,
    force: Annotated[
        bool, typer.Option("--force", help="Accept an image of another platform than --platform.")
    ] = False,
    index_files: IndexFilesOption = False,
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
    the whole index is kept, so that another platform can be added later. A pull that needs more
    space than is free is refused.
    """
    from cachedb.oci import Digest, Reference
    from cachedb.operations.transfer.pull import PullOptions
    from cachedb.operations.transfer.workers import JOBS

    if (wanted := platforms(platform, arch)) and all_platforms:
        raise InvalidInput("--platform and --all-platforms exclude each other")
    references = list(map(Reference.parse, names))
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
        (indexing if index_files else not_indexing)(opened) as arrived,
    ):
        present = opened.present(references, wanted) if if_missing else ()
        there = {each.name for each in present}
        missing = [each for each in references if str(each.with_default_tag()) not in there]
        found = opened.pull_each(missing, connect, options)._replace(present=present)
        arrived += [each.name for each in (*present, *found.pulled)]
    print_report(found, form, quiet=quiet)
