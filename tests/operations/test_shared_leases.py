"""Leases of hosts that share a cache: rows in PostgreSQL, with a heartbeat and an owner."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.catalog.server import heartbeat
from cachedb.catalog.user_state import lease_owner
from cachedb.catalog.user_state.lease_owner import LeaseOwner
from cachedb.oci import Digest
from cachedb.operations.gc.mark import Reason
from cachedb.operations.transfer.publish import leasing
from tests import build
from tests.postgresql import Server

ORPHAN = build.layer({"orphan": ""})
YEAR = 365 * 86_400 * 10**9
PATIENCE = 60


@pytest.fixture
def url(server: Server) -> str:
    return server.fresh()


@pytest.fixture
def cache(tree: build.Tree, url: str) -> Iterator[Cache]:
    """A cache with an unreferenced blob."""
    tree.add(build.image(), "app:1")
    tree.put(ORPHAN)
    with Cache.open(tree.path, catalog=url) as opened:
        yield opened


def another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take leases as a process of another host."""
    other = LeaseOwner("other-host", "boot", "1", "7", "99")
    monkeypatch.setattr(lease_owner, "this_process", lambda: other)


def reasons(cache: Cache) -> dict[str, Reason]:
    plan = cache.plan_collection(grace=0)
    return {str(each.digest): each.reason for each in (*plan.garbage, *plan.spared)}


def expire(server: Server, url: str) -> None:
    """Let the heartbeats of every lease have stopped for long."""
    server.psql(f'UPDATE "{url.rpartition("cache=")[2]}".lease SET expires = 1')


def test_a_lease_of_another_host_protects_blobs_while_its_heart_beats(
    cache: Cache, server: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as there, leasing(cache.layout, cache.catalog) as lease:
        lease.hold([Digest(ORPHAN.digest)])
        another_host(there)
        assert reasons(cache)[ORPHAN.digest] is Reason.LEASED
        report = cache.collect(cache.plan_collection(grace=0))
        assert report.removed == ()
        expire(server, url)
        assert reasons(cache)[ORPHAN.digest] is Reason.UNREACHABLE


def test_a_lease_does_not_depend_on_the_clock_of_a_host(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns
    with leasing(cache.layout, cache.catalog) as lease:
        lease.hold([Digest(ORPHAN.digest)])
        for skew in (YEAR, -YEAR):
            monkeypatch.setattr(time, "time_ns", lambda skew=skew: now() + skew)
            assert reasons(cache)[ORPHAN.digest] is Reason.LEASED


def test_a_lease_outlives_its_file_which_a_host_without_its_locks_has_removed(
    cache: Cache,
) -> None:
    with leasing(cache.layout, cache.catalog) as lease:
        lease.hold([Digest(ORPHAN.digest)])
        (cache.root / ".cachedb" / "leases" / lease.key).unlink()

        assert reasons(cache)[ORPHAN.digest] is Reason.LEASED
        assert cache.collect(cache.plan_collection(grace=0)).removed == ()
        assert reasons(cache)[ORPHAN.digest] is Reason.LEASED


def test_a_lease_taken_after_the_plan_stops_the_sweep(cache: Cache) -> None:
    plan = cache.plan_collection(grace=0)
    assert [each.digest for each in plan.garbage] == [ORPHAN.digest]

    with leasing(cache.layout, cache.catalog) as lease:
        lease.hold([Digest(ORPHAN.digest)])
        assert cache.collect(plan).removed == ()


def test_a_heartbeat_prolongs_a_lease(
    cache: Cache, server: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "SECONDS", 0.05)
    with leasing(cache.layout, cache.catalog) as lease:
        lease.hold([Digest(ORPHAN.digest)])
        expire(server, url)
        give_up = time.monotonic() + PATIENCE
        while reasons(cache)[ORPHAN.digest] is not Reason.LEASED:
            assert time.monotonic() < give_up
            time.sleep(0.05)
    assert reasons(cache)[ORPHAN.digest] is Reason.UNREACHABLE


_KILLED = """
import os, signal, sys
from cachedb.cache import Cache
from cachedb.oci import Digest
from cachedb.operations.transfer.publish import leasing
cache = Cache.open(sys.argv[1], catalog=sys.argv[2])
with leasing(cache.layout, cache.catalog) as lease:
    lease.hold([Digest(sys.argv[3])])
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_lease_of_a_killed_process_of_this_host_ends_with_it(
    cache: Cache, server: Server, url: str
) -> None:
    command = [sys.executable, "-c", _KILLED, str(cache.root), url, ORPHAN.digest]
    killed = subprocess.run(command, check=False, capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    schema = url.rpartition("cache=")[2]
    assert server.psql(f'SELECT COUNT(*) FROM "{schema}".lease_item').strip() == "1"

    assert reasons(cache)[ORPHAN.digest] is Reason.UNREACHABLE
    assert len(cache.collect(cache.plan_collection(grace=0)).removed) == 1
    assert server.psql(f'SELECT COUNT(*) FROM "{schema}".lease').strip() == "0"


def test_an_owner_is_told_from_a_process_that_got_its_number() -> None:
    ours = lease_owner.this_process()

    assert lease_owner.parse(str(ours)) == ours
    assert not ours.has_ended()
    assert ours._replace(started="1").has_ended()
    assert ours._replace(pid=str(2**22 + 1)).has_ended()
    for other in ("host", "boot", "namespace"):
        assert not ours._replace(started="1", **{other: "other"}).has_ended()
    assert lease_owner.parse("a host") is None
    assert int(ours.pid) == os.getpid()
    assert Path("/proc/self/stat").exists()


def test_names_written_by_many_connections_at_once_are_all_kept(cache: Cache, url: str) -> None:
    def work(number: int) -> None:
        with Cache.open(cache.root, catalog=url) as opened:
            for turn in range(3):
                opened.tag("app:1", f"example.com/host{number}:{turn}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))

    wanted = {f"example.com/host{number}:{turn}" for number in range(6) for turn in range(3)}
    with Cache.open(cache.root, catalog=url) as opened:
        assert {each.name for each in opened.list()} == {"app:1", *wanted}
