"""``cachedb policy``: show, change and apply the retention policy of a cache."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.feedback.choices import QuietPolicyOption
from cachedb.cli.options.cache import CacheOption, open_cache, open_files
from cachedb.cli.options.common import DryRunOption, FormatOption, YesOption
from cachedb.cli.options.policies import GraceOption, TrashOption, TrustClockOption
from cachedb.cli.pruning import plans
from cachedb.cli.pruning.rule_options import AllOption
from cachedb.cli.render import output
from cachedb.cli.render.tables import Format
from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from cachedb.cache import Cache


class PolicyAction(StrEnum):
    """Action on the policy."""

    SHOW = "show"
    EDIT = "edit"
    CHECK = "check"
    APPLY = "apply"


def command(
    action: Annotated[PolicyAction, typer.Argument(help="show, edit, check or apply.")],
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Policy to check or to store; - is stdin."),
    ] = None,
    cache: CacheOption = None,
    all_: AllOption = False,
    trust_clock: TrustClockOption = False,
    grace: GraceOption = "1h",
    trash_ttl: TrashOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    form: FormatOption = Format.TABLE,
    quiet: QuietPolicyOption = False,
) -> None:
    """Show, change or apply the retention policy of the cache.

    The policy is a TOML file that is kept with the cache. Its keys are the options of `cachedb
    prune`. `edit` opens it in $VISUAL or $EDITOR, or replaces it by FILE; a policy with an error
    is not stored. `check` reports the first error of FILE or of the policy. `apply` prints the
    plan and removes names by it, as `cachedb prune` does; the others read files only, also where
    the catalog is in a server.
    """
    if file is not None and action not in {PolicyAction.EDIT, PolicyAction.CHECK}:
        raise InvalidInput(f"policy {action} takes no FILE", hint="cachedb policy check FILE")
    opening = open_cache if action is PolicyAction.APPLY else open_files
    with opening(cache) as opened:
        match action:
            case PolicyAction.SHOW:
                output.print_stdout(plans.stored_policy(opened).rstrip("\n"))
            case PolicyAction.EDIT:
                _edit(opened, file, quiet=quiet)
            case PolicyAction.CHECK:
                text = plans.stored_policy(opened) if file is None else _read(file)
                opened.policy_rules(text).check()
                if not quiet:
                    output.print_stderr("the policy is valid")
            case PolicyAction.APPLY:
                rules = opened.policy_rules(plans.stored_policy(opened))
                rules = rules.replace(may_remove_all=all_, trusts_clock=trust_clock)
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


def _edit(opened: Cache, file: Path | None, *, quiet: bool) -> None:
    """Store a changed policy after it was checked; an empty one removes it."""
    from cachedb.cli.pruning.editor import edited
    from cachedb.operations.prune.policy_file import TEMPLATE

    before = opened.policy()
    text = edited(before or TEMPLATE, ".toml") if file is None else _read(file)
    if text == before:
        done = "the policy is unchanged"
    else:
        opened.set_policy(text)
        done = "stored the policy" if text.strip() else "removed the policy"
    if not quiet:
        output.print_stderr(done)


def _read(file: Path) -> str:
    import sys

    from cachedb.errors import StorageFailed

    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise StorageFailed.of(error, f"read {os.fspath(file)!r}") from error
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{os.fspath(file)}: {error}") from error
