"""``cachedb sync``: mirror the images that a file lists."""

from __future__ import annotations

from typing import Annotated

import typer

from cachedb.cli.feedback.choices import QuietSyncOption
from cachedb.cli.options.cache import CacheOption, create_cache
from cachedb.cli.options.certificate_directories import (
    certificate_authorities,
    client_certificates,
)
from cachedb.cli.options.common import (
    ArchOption,
    DryRunOption,
    FormatOption,
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
from cachedb.cli.pruning.after_sync import (
    Retention,
    apply_policy,
    forecast_sync,
    print_plan,
    remove_others,
)
from cachedb.cli.pruning.plans import stored_policy
from cachedb.cli.render import output
from cachedb.cli.render.pulls import print_report
from cachedb.cli.render.tables import Format

FileArgument = Annotated[
    str, typer.Argument(metavar="FILE", help="YAML of skopeo sync, or a reference a line.")
]
PruneOption = Annotated[
    bool,
    typer.Option("--prune", help="Then remove other names of the repositories that FILE lists."),
]
PolicyOption = Annotated[
    bool,
    typer.Option("--policy", help="Then apply the retention policy of the cache, and collect."),
]


def command(
    file: FileArgument,
    dry_run: DryRunOption = False,
    prune: PruneOption = False,
    policy: PolicyOption = False,
    platform: PlatformOption = None,
    arch: ArchOption = None,
    cache: CacheOption = None,
    index_files: IndexFilesOption = False,
    jobs: JobsOption = None,
    mirror: MirrorOption = None,
    insecure: InsecureOption = None,
    cert_file: CertificateOption = None,
    client_cert: ClientCertificateOption = None,
    trust_realm: TrustRealmOption = None,
    form: FormatOption = Format.TABLE,
    quiet: QuietSyncOption = False,
) -> None:
    """Mirror the images that a file lists into the cache.

    FILE is the YAML of `skopeo sync --src yaml` with images, images-by-tag-regex,
    images-by-semver, credentials, tls-verify and cert-dir, or has a reference a line, whose tag
    may be a pattern: alpine:3.*. An image that fails does not undo the others. With --prune, names
    are removed if everything was mirrored; `cachedb gc` then frees the space. With --policy, the
    retention policy of the cache is applied then, and unreferenced blobs are deleted. --dry-run
    with these reads the documents of the images, no layers, and prints what would be removed after
    the pulls.
    """
    from cachedb.operations.mirror import plan_sync, sync_file
    from cachedb.operations.transfer.pull import PullOptions
    from cachedb.operations.transfer.workers import JOBS

    sources = sync_file.read(file)
    plain = [*(insecure or ()), *(each.domain for each in sources if not each.is_verified)]
    logins = {each.domain: each.login for each in sources if each.login is not None}
    certificates = [*(cert_file or ()), *certificate_authorities(sources)]
    own = [*(client_cert or ()), *client_certificates(sources)]
    options = PullOptions(platforms=platforms(platform, arch), jobs=jobs or JOBS)
    with connector(mirror, plain, certificates, own, trust_realm, logins=logins) as connect:
        plan = plan_sync.plan(sources, connect, options.jobs)
        if dry_run:
            removes = Retention(prune, policy)
            print_plan(*forecast_sync(cache, plan, connect, options, removes), form, quiet=quiet)
            return
        with create_cache(cache) as opened:
            rules = opened.policy_rules(stored_policy(opened)) if policy else None
            with (indexing if index_files else not_indexing)(opened) as arrived:
                report = opened.pull_each(plan.references, connect, options)
                arrived += [each.name for each in report.pulled]
            failures = (*plan.failures, *report.failures)
            removed = remove_others(opened, plan) if prune and not failures else ()
            if rules is not None and not failures:
                removed += apply_policy(opened, rules, quiet=quiet)
    if (prune or policy) and failures:
        output.print_stderr("removed nothing: not everything was mirrored")
    for name in () if quiet else removed:
        output.print_stderr(f"removed {name}")
    print_report(report._replace(failures=failures), form, quiet=quiet)
