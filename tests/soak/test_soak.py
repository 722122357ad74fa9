"""Many processes on one cache, some of them killed: no name is lost, no name leads nowhere.

A little with every test run, a minute with ``make soak``.
"""

import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cachedb.cache import Cache
from tests.crash import oracle, scenarios
from tests.soak import workers
from tests.soak.processes import Worker, names_after

WRITERS = 4


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """An empty cache, in memory where that can be: no power is lost here."""
    folder = Path(tempfile.mkdtemp(prefix="soak-", dir=scenarios.scratch(tmp_path)))
    try:
        Cache.create(folder / "cache").close()
        yield folder / "cache"
    finally:
        shutil.rmtree(folder)


def dangling(root: Path) -> list[str]:
    """Return what a name leads to and is not there, at this moment."""
    found = []
    for name, digest in oracle.names_of(root).items():
        missing = [d for d in oracle.closure(root, digest) if not oracle.path_of(root, d).exists()]
        # The name may have gone since, and what it needed with it.
        if missing and oracle.names_of(root).get(name) == digest:
            found.append(f"{name} lacks {missing}")
    return found


def soak(root: Path, is_enough: Callable[[list[Worker]], bool]) -> list[Worker]:
    """Let writers and a collector loose, and kill one of them every now and then."""
    chosen = random.Random(1)
    writers = [Worker(workers.write, root, f"writer{number}") for number in range(WRITERS)]
    everybody = [*writers, Worker(workers.collect, root)]
    for worker in everybody:
        worker.start()
    try:
        while not is_enough(everybody):
            time.sleep(chosen.uniform(0.02, 0.2))
            assert dangling(root) == []
            victim = chosen.choice(everybody)
            if victim.has_spoken and chosen.random() < 0.15:
                victim.kill()
                victim.start(victim.kills)
    finally:
        for worker in everybody:
            worker.kill()
    return everybody


def has_seen_some(everybody: list[Worker]) -> bool:
    """Whether everybody has done something, there was garbage, and some have been killed."""
    kills = sum(worker.kills for worker in everybody)
    is_busy = all(worker.did > 2 for worker in everybody)
    return kills >= 5 and is_busy and has_collected(everybody[-1])


def has_collected(collector: Worker) -> bool:
    return any(int(removed) for _, _, removed in collector.said)


def check(root: Path, everybody: list[Worker]) -> None:
    assert [error for worker in everybody for error in worker.errors] == []
    *writers, collector = everybody
    assert dangling(root) == []
    names = oracle.names_of(root)
    for writer in writers:
        assert writer.did
        for name, allowed in names_after(writer.said).items():
            assert names.get(name) in allowed
    assert has_collected(collector)
    with Cache.open(root) as cache:
        assert cache.verify().is_clean
        cache.collect(cache.plan_collection(grace=0))
    expected = oracle.Expected(before=names, after=names, unsound={})
    assert oracle.residues(root, expected) == []


def tell(everybody: list[Worker]) -> str:
    *writers, collector = everybody
    writes, kills = sum(w.did for w in writers), sum(w.kills - 1 for w in everybody)
    return f"{writes} writes, {collector.did} collections, {kills} kills"


def test_some_writers_a_collector_and_kills_lose_nothing(root: Path) -> None:
    check(root, soak(root, has_seen_some))


@pytest.mark.campaign
def test_a_minute_of_writers_a_collector_and_kills_loses_nothing(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    end = time.monotonic() + 60
    everybody = soak(root, lambda _: time.monotonic() > end)
    with capsys.disabled():
        sys.stdout.write(tell(everybody) + "\n")
    check(root, everybody)


def test_sixty_four_names_written_by_eight_processes_are_sixty_four_names(root: Path) -> None:
    writers = [Worker(workers.write_some, root, f"writer{number}") for number in range(8)]
    for writer in writers:
        writer.start(8)
    for writer in writers:
        writer.wait()
    assert [error for writer in writers for error in writer.errors] == []
    assert len(oracle.names_of(root)) == 64
    assert dangling(root) == []
    with Cache.open(root) as cache:
        assert len(cache.list()) == 64
        assert cache.verify().is_clean


def test_what_is_said_tells_which_names_there_may_be() -> None:
    said = [
        ("try", "add", "a", "1"),
        ("done", "add", "a", "1"),
        ("try", "add", "a", "2"),
        ("try", "rm", "b", "1"),
        ("done", "rm", "b", "1"),
        ("try", "add", "c", "3"),
    ]
    assert names_after(said) == {"a": {"1", "2"}, "b": {None}, "c": {None, "3"}}
    assert names_after([*said, ("done", "rm", "a", "2")])["a"] == {None}
