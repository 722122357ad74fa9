"""Leases of hosts that share a cache: rows in PostgreSQL, with a heartbeat and an owner."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.catalog.server import heartbeat
from cachedb.catalog.user_state import lease_owner
from cachedb.catalog.user_state.lease_owner import LeaseOwner
from cachedb.errors import CacheBusy
from cachedb.layout import Layout
from cachedb.oci import Digest
from cachedb.operations.gc import sweep
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


def test_a_session_that_ends_after_its_catalog_was_closed_is_closed_too(
    tree: build.Tree, server: Server, url: str
) -> None:
    """The heartbeat of an operation may be in the middle of a statement."""
    ours = f"application_name LIKE 'cachedb {os.getpid()} %'"
    sessions = f"SELECT COUNT(*) FROM pg_stat_activity WHERE {ours}"
    before = int(server.psql(sessions))
    cache = Cache.open(tree.path, catalog=url)
    with cache.catalog.reading():
        cache.close()
    give_up = time.monotonic() + PATIENCE
    while int(server.psql(sessions)) > before:
        assert time.monotonic() < give_up
        time.sleep(0.05)


_KILLED = """
import os, signal, sys
from cachedb.cache import Cache
from cachedb.errors import CacheBusy
from cachedb.layout import Layout
from cachedb.oci import Digest
from cachedb.operations.gc import sweep
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


# -- the collector --------------------------------------------------------------------------------

_COLLECTING = """
import os, signal, sys
from cachedb.cache import Cache
cache = Cache.open(sys.argv[1], catalog=sys.argv[2])
with cache.catalog.collecting():
    print("collecting", flush=True)
    sys.stdin.readline()
"""


def collecting(cache: Cache, url: str) -> subprocess.Popen[str]:
    """Start a process that is the collector until its stdin ends."""
    started = subprocess.Popen(
        [sys.executable, "-c", _COLLECTING, str(cache.root), url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert started.stdout is not None
    assert started.stdout.readline() == "collecting\n"
    return started


def has_orphan(cache: Cache) -> bool:
    algorithm, _, encoded = ORPHAN.digest.partition(":")
    return (cache.root / "blobs" / algorithm / encoded).exists()


def row_of_the_collector(server: Server, url: str) -> list[str]:
    schema = url.rpartition("cache=")[2]
    found = server.psql(f"SELECT value FROM \"{schema}\".state WHERE key = 'collector'")
    return found.split()


def test_one_collection_of_a_shared_cache_runs_at_a_time(cache: Cache, url: str) -> None:
    plan = cache.plan_collection(grace=0)
    other = collecting(cache, url)
    try:
        with pytest.raises(CacheBusy, match="another collection is running, on the host"):
            cache.collect(plan)
        assert has_orphan(cache)
    finally:
        other.communicate("")
    assert len(cache.collect(plan).removed) == 1


def test_a_collector_that_was_killed_on_this_host_is_replaced_at_once(
    cache: Cache, url: str, server: Server
) -> None:
    other = collecting(cache, url)
    other.kill()
    other.communicate()
    before = int(row_of_the_collector(server, url)[0])

    assert len(cache.collect(cache.plan_collection(grace=0)).removed) == 1

    assert int(row_of_the_collector(server, url)[0]) == before + 1


def test_a_collector_of_another_host_is_replaced_after_its_last_heartbeat_expires(
    cache: Cache, url: str, server: Server
) -> None:
    schema = url.rpartition("cache=")[2]
    now = int(server.psql("SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT"))
    cache.collect(cache.plan_collection(grace=0))
    for expires, is_refused in ((now + 60_000_000, True), (now - 1, False)):
        server.psql(
            f"UPDATE \"{schema}\".state SET value = '7 {expires} other-host boot 1 7 99'"
            " WHERE key = 'collector'"
        )
        plan = cache.plan_collection(grace=0)
        if is_refused:
            with pytest.raises(CacheBusy, match="on the host 'other-host'"):
                cache.collect(plan)
        else:
            cache.collect(plan)
            assert row_of_the_collector(server, url)[0] == "8"


def test_a_collection_that_was_replaced_removes_nothing(
    cache: Cache, url: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one whose host was cut off while it moved blobs to the quarantine."""
    schema = url.rpartition("cache=")[2]
    refuse = sweep._refuse_change

    def replaced(layout: Layout, names: bytes) -> None:
        server.psql(
            f"UPDATE \"{schema}\".state SET value = '99 99999999999999999 other b 1 7 99'"
            " WHERE key = 'collector'"
        )
        refuse(layout, names)

    monkeypatch.setattr(sweep, "_refuse_change", replaced)

    with pytest.raises(CacheBusy, match="cut off from the server for too long"):
        cache.collect(cache.plan_collection(grace=0))

    assert has_orphan(cache)
    assert row_of_the_collector(server, url)[0] == "99"


def test_a_lease_that_appears_while_a_sweep_runs_stops_it(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse = sweep._refuse_change
    held = ExitStack()

    def leased(layout: Layout, names: bytes) -> None:
        assert not has_orphan(cache)  # in the quarantine
        lease = held.enter_context(leasing(cache.layout, cache.catalog))
        lease.hold([Digest(ORPHAN.digest)])
        monkeypatch.setattr(sweep, "_refuse_change", refuse)
        refuse(layout, names)

    monkeypatch.setattr(sweep, "_refuse_change", leased)
    with held:
        assert cache.collect(cache.plan_collection(grace=0)).removed == ()
        assert has_orphan(cache)
    assert len(cache.collect(cache.plan_collection(grace=0)).removed) == 1


def test_a_heartbeat_prolongs_the_row_of_the_collector(
    cache: Cache, url: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "SECONDS", 0.05)
    with cache.catalog.collecting():
        first = int(row_of_the_collector(server, url)[1])
        give_up = time.monotonic() + PATIENCE
        while int(row_of_the_collector(server, url)[1]) == first:
            assert time.monotonic() < give_up
            time.sleep(0.05)
    assert row_of_the_collector(server, url)[1] == "0"
