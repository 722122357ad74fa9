"""``cachedb prune``: remove names by age, number and size, then collect."""

from __future__ import annotations

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import DryRunOption, FormatOption, YesOption
from cachedb.cli.options.policies import GraceOption, TrashOption, TrustClockOption
from cachedb.cli.options.query import ParamOption, TimeZoneOption
from cachedb.cli.pruning import plans
from cachedb.cli.pruning.rule_options import (
    AllOption,
    GroupByOption,
    KeepLastOption,
    KeepWithinOption,
    MaxSizeOption,
    MinFreeOption,
    PruneDropOption,
    PruneKeepOption,
    UntaggedOption,
    UnusedForOption,
    rules_of,
)
from cachedb.cli.render.tables import Format


def command(
    keep: PruneKeepOption = None,
    keep_last: KeepLastOption = None,
    group_by: GroupByOption = None,
    keep_within: KeepWithinOption = None,
    drop: PruneDropOption = None,
    untagged: UntaggedOption = False,
    unused_for: UnusedForOption = None,
    max_size: MaxSizeOption = None,
    min_free: MinFreeOption = None,
    all_: AllOption = False,
    trust_clock: TrustClockOption = False,
    param: ParamOption = None,
    tz: TimeZoneOption = None,
    cache: CacheOption = None,
    grace: GraceOption = "1h",
    trash_ttl: TrashOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Remove names by age, number and size, then collect.

    Pinned names stay, and so does every name that a --keep rule matches, whatever other options
    select. Names that --drop, --untagged or --unused-for select are removed first. Then --max-size
    and --min-free remove the least recently used images until the limit is met. With --keep-last
    and --keep-within only, every name that these do not keep is removed.

    The plan has one reason for each name, and the bytes that removing it frees after those before
    it. It is confirmed unless --yes is given. `cachedb policy` keeps rules with the cache.
    """
    with open_cache(cache) as opened:
        rules = rules_of(
            opened, keep, drop, keep_last, group_by, keep_within, unused_for, untagged, max_size,
            min_free, param, tz,
        ).replace(may_remove_all=all_, trusts_clock=trust_clock)  # fmt: skip
        plans.prune(
            opened,
            rules,
            grace=grace,
            trash_ttl=trash_ttl,
            is_dry_run=dry_run,
            is_agreed=yes,
            form=form,
            quiet=quiet,
        )
