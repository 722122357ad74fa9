"""``cachedb push``: upload images from the cache to registries."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import (
    ArchOption,
    FormatOption,
    PlatformOption,
    SomeNamesArgument,
    platforms,
)
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
from cachedb.cli.render.pushes import print_report
from cachedb.cli.render.tables import Format

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
    arch: ArchOption = None,
    with_arch_tags: ArchTagsOption = False,
    override: OverrideOption = False,
    jobs: JobsOption = None,
    insecure: InsecureOption = None,
    cert_file: CertificateOption = None,
    client_cert: ClientCertificateOption = None,
    trust_realm: TrustRealmOption = None,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Push images with referrers and cosign tags; present blobs are not uploaded.

    If the tag resolves to another index, the two are merged, and pushed platforms replace those
    of the registry. Any other image is replaced with --override only.
    """
    from cachedb.oci import Reference
    from cachedb.operations.transfer.push import PushOptions
    from cachedb.operations.transfer.tag_update import Conflict
    from cachedb.operations.transfer.workers import JOBS

    target = None if remote_name is None else Reference.parse(remote_name)
    options = PushOptions(
        platforms=platforms(platform, arch),
        jobs=jobs or JOBS,
        has_arch_tags=with_arch_tags,
        conflict=Conflict.REPLACE if override else Conflict.MERGE,
    )
    with (
        open_cache(cache) as opened,
        connector(None, insecure, cert_file, client_cert, trust_realm) as connect,
    ):
        query = selection(opened, where, param, tz, quiet=quiet)
        with _hinting_remote_name(names):
            plan = opened.plan_push(chosen_names(opened, names, query), target, options.platforms)
        report = opened.push_each(plan, connect, options)
    print_report(report, form, quiet=quiet)


@contextmanager
def _hinting_remote_name(names: Sequence[str] | None) -> Iterator[None]:
    """Hint the option where the second of two names is no image: `crane push SOURCE TARGET`."""
    from cachedb.errors import NotFound

    try:
        yield
    except NotFound as error:
        if names and len(names) == 2 and "/" in names[1]:  # noqa: PLR2004
            target = names[1].removeprefix("docker://")
            error.hint = f"cachedb push {names[0]} --remote-name {target}"
        raise
