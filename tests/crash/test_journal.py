"""Killed at any system call: pins, uses and history are those from before or after a command."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.cache import Cache
from tests.crash import bench as benches
from tests.crash import injection
from tests.crash.bench import Bench
from tests.crash.injection import ENOSPC, KILL


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with benches.opened(tmp_path_factory.mktemp("crash"), side_by_side=1) as opened:
        yield opened


def state(cache: Path) -> tuple[set[str], set[str], list[str]]:
    """Return what is pinned, what was used, and the history; from the journal alone."""
    for path in (cache / ".cachedb").glob("index.db*"):
        path.unlink()
    with Cache.open(cache) as opened:
        return (
            {row.name.rpartition("/")[2] for row in opened.query("is:pinned show name").rows},
            {row.name.rpartition("/")[2] for row in opened.query("used since 1d show name").rows},
            [event.operation for event in opened.log()],
        )


AFTER = {
    "pin": ({"app:1", "tool:2"}, {"tool:2"}, ["pin", "pin"]),
    "unpin": (set[str](), {"tool:2"}, ["unpin", "pin"]),
    "rm-and-rewrite": ({"tool:2"}, {"tool:2"}, ["rm", "pin"]),
}
BEFORE = ({"tool:2"}, {"tool:2"}, ["pin"])


@pytest.mark.parametrize("fault", [KILL, ENOSPC], ids=["kill", "full-disk"])
@pytest.mark.parametrize("name", AFTER)
def test_a_fault_at_any_call_loses_no_pin_no_use_and_no_row(
    bench: Bench, name: str, fault: str
) -> None:
    scenario, (place,) = bench.scenarios[name], bench.places
    pinned, used, rows = AFTER[name]
    points = bench.points(scenario)
    for point in points if fault == KILL else points[::2]:
        bench.restore(scenario, place)
        ended = injection.inject(place.server, point, fault, place.cache, *scenario.arguments)
        found = state(place.cache)
        assert found[0] in (BEFORE[0], pinned), point
        assert found[1] == used, point
        # The history of a removal is written after it, without fsync.
        assert found[2] in (BEFORE[2], rows), point
        if ended.code == 0:
            assert found[0] == pinned, point
    assert len(points) > 20
