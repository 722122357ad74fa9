"""Eight hosts on one cache, some of which die, and a server that is restarted: nothing is lost.

A little with every test run, ten minutes with ``make hosts``, or CACHEDB_SOAK_SECONDS of them.
"""

import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cachedb.cache import Cache
from tests.cli.registry import serving_things
from tests.crash import oracle, scenarios
from tests.hosts import worker
from tests.hosts.soak_workers import LEASE, Farm, SharedHost, served
from tests.postgresql import Server, serving
from tests.soak.processes import Worker, names_after
from tests.soak.test_soak import dangling

HOSTS = 8
SECONDS = float(os.environ.get("CACHEDB_SOAK_SECONDS", "600"))
_BETWEEN_RESTARTS = 60.0


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="hosts-", dir=scenarios.scratch(tmp_path)))
    try:
        yield folder / "cache"
    finally:
        shutil.rmtree(folder)


def soak(
    root: Path, server: Server, is_enough: Callable[[list[Worker]], bool], hosts: int
) -> list[Worker]:
    """Let hosts loose, kill one now and then, and restart the server once a minute."""
    chosen = random.Random(1)
    url = server.fresh()
    Cache.create(root, catalog=url).close()
    with serving_things(served(hosts)) as registry:
        work = SharedHost(Farm(url, registry.host))
        workers = [Worker(work, root, f"host{number}") for number in range(hosts)]
        for each in workers:
            each.start()
        restarted = time.monotonic()
        try:
            while not is_enough(workers):
                time.sleep(chosen.uniform(0.05, 0.5))
                assert dangling(root) == []
                victim = chosen.choice(workers)
                if victim.has_spoken and chosen.random() < 0.15:
                    victim.kill()
                    victim.start(victim.kills)
                if time.monotonic() - restarted > _BETWEEN_RESTARTS:
                    server.stop()
                    server.start()
                    restarted = time.monotonic()
        finally:
            for each in workers:
                each.kill()
    check(root, url, workers)
    return workers


def check(root: Path, url: str, workers: list[Worker]) -> None:
    assert [error for each in workers for error in each.errors] == []
    assert dangling(root) == []
    names = oracle.names_of(root)
    for each in workers:
        for name, allowed in names_after(changes(each)).items():
            assert names.get(name) in allowed, f"{name}: {each.said}"
    time.sleep(LEASE)  # until the leases of those that died have ended
    with Cache.open(root, catalog=url) as cache:
        assert cache.verify().is_clean
        cache.collect(cache.plan_collection(grace=0))
    expected = oracle.Expected(before=names, after=names, unsound={})
    assert oracle.residues(root, expected) == []
    assert worker.differences(str(root), url) == []


def changes(each: Worker) -> list[tuple[str, ...]]:
    """Return what a worker has said of names; None stands for a name that is gone."""
    return [words for words in each.said if words[0] in {"try", "done"}]


def tell(workers: list[Worker]) -> str:
    """Count what was done, by operation and outcome."""
    found: Counter[str] = Counter()
    for each in workers:
        for words in each.said:
            if words[0] == "done":
                found[f"{words[1]} done"] += 1
            elif words[0] == "error":
                found[f"{words[2]} ended with {words[1]}"] += 1
            elif words[0] == "collected":
                found["gc done"] += 1
        found["kills"] += each.kills - 1
    return ", ".join(f"{number} {what}" for what, number in sorted(found.items()))


def test_some_hosts_that_share_a_cache_and_die_lose_nothing(root: Path) -> None:
    def has_seen_some(workers: list[Worker]) -> bool:
        return sum(w.kills for w in workers) >= 3 and sum(w.did for w in workers) >= 12

    with serving() as server:
        soak(root, server, has_seen_some, hosts=4)


@pytest.mark.campaign
def test_ten_minutes_of_eight_hosts_that_share_a_cache_and_die_lose_nothing(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    end = time.monotonic() + SECONDS
    with serving() as server:
        workers = soak(root, server, lambda _: time.monotonic() > end, HOSTS)
    with capsys.disabled():
        sys.stdout.write(f"\n{SECONDS:.0f} s: {tell(workers)}\n")
