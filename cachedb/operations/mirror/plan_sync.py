"""Plan of a mirror: the references that the rules of a file select at their registries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.errors import CacheError
from cachedb.operations.transfer.remote_inspect import list_tags
from cachedb.operations.transfer.workers import JOBS, run_all, workers
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cachedb.oci import Reference
    from cachedb.operations.mirror.sync_file import RepositoryRule, SyncSource
    from cachedb.registry.client import Client


class SyncPlan(Record):
    """References to pull, each once, and the repositories whose tags could not be listed."""

    references: tuple[Reference, ...]
    failures: tuple[tuple[Reference, CacheError], ...] = ()
    """Repositories whose tags could not be listed, each with the reason."""
    repositories: tuple[Reference, ...] = ()
    """Repositories of which the references are all that the file selects."""


def plan(
    sources: Sequence[SyncSource], connect: Callable[[str], Client], jobs: int = JOBS
) -> SyncPlan:
    """List the tags of repositories whose rules select tags, several at a time."""
    rules = [rule for source in sources for rule in source.rules]
    failures: list[tuple[Reference, CacheError]] = []

    def selected(rule: RepositoryRule) -> tuple[Reference, ...]:
        """Return the references of a rule; list the tags if it selects by them."""
        if rule.selects is None:
            return rule.references
        repository = rule.repository
        try:
            tags = list(list_tags(connect(repository.domain), repository))
        except CacheError as error:
            failures.append((repository, error))
            return ()
        return tuple(repository.replace(tag=tag) for tag in tags if rule.selects(tag))

    with workers(jobs) as pool:
        found = run_all(pool, selected, rules)
    failed = {each for each, _ in failures}
    known = {rule.repository.replace(tag=None, digest=None) for rule in rules}
    return SyncPlan(
        references=tuple(dict.fromkeys(each for group in found for each in group)),
        failures=tuple(failures),
        repositories=tuple(sorted(known - failed, key=str)),
    )
