"""The power goes: what was acknowledged is there after the journal was replayed, and all of it.

A file system in a file is stopped by an ioctl that throws away what is only in memory, the
journal included. Without fsync the same run loses what it promised, or the campaign is blind.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Checked
from tests.crash import bench as benches
from tests.crash import oracle, scenarios, volumes
from tests.crash.bench import Bench
from tests.crash.injection import KILL, ForkServer
from tests.crash.scenarios import Scenario
from tests.crash.volumes import Volume

KINDS = ("ext4", "xfs")
# Every how-manieth point: enough of each, and together some hundred on each file system.
STEPS = {"pull": 10, "import": 12, "rm": 3, "gc": 4, "gc-into-trash": 4, "repair": 10, "tag": 4}
NO_SYNC = ["-e", "inject=fsync,fdatasync,sync_file_range:retval=0"]

campaign = pytest.mark.campaign
each_kind = pytest.mark.parametrize("volume", KINDS, indirect=True)
each_scenario = pytest.mark.parametrize("name", STEPS)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with benches.opened(tmp_path_factory.mktemp("power"), side_by_side=1) as opened:
        yield opened


@pytest.fixture(scope="module")
def volume(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Volume]:
    with (
        volumes.folder_for_images(tmp_path_factory.mktemp("images")) as folder,
        volumes.volume(request.param, folder) as made,
    ):
        yield made


def prepare(bench: Bench, scenario: Scenario, volume: Volume) -> tuple[ForkServer, Path]:
    """Put the cache of a scenario on the volume, safe on its disk."""
    server, cache = bench.places[0].server, volume.mount / "cache"
    scenarios.restore(scenario, cache)
    server.settle(cache)
    volume.sync()
    return server, cache


def after_power_loss(
    bench: Bench, scenario: Scenario, volume: Volume, options: list[str]
) -> list[str]:
    """Run a scenario under strace, cut the power when it has ended, and say what is wrong."""
    server, cache = prepare(bench, scenario, volume)
    ended = server.traced(["-o", "/dev/null", *options], cache, *scenario.arguments)
    volume.lose_power()
    found = oracle.violations(cache, scenario.expected, ended_well=ended.code == 0)
    if not found:
        found += server.examine(cache, *scenario.arguments)
        found += oracle.residues(cache, scenario.expected)
    return found


@each_kind
@each_scenario
def test_what_was_acknowledged_survives(bench: Bench, volume: Volume, name: str) -> None:
    scenario = bench.scenarios[name]
    assert after_power_loss(bench, scenario, volume, ["-e", "trace=renameat"]) == []


@campaign
@each_kind
@each_scenario
def test_at_no_point_a_power_loss_breaks_anything(
    bench: Bench, volume: Volume, checked: Checked, name: str
) -> None:
    scenario = bench.scenarios[name]
    wrong = {}
    points = bench.points(scenario)[:: STEPS[name]]
    for point in points:
        what = f"inject={point.call}:{KILL}:when={point.number}"
        found = after_power_loss(
            bench, scenario, volume, ["-e", f"trace={point.call}", "-e", what]
        )
        if found:
            wrong[f"{name} {point}"] = found
    checked.count("power-loss", len(points), len(wrong))
    assert wrong == {}


@campaign
def test_there_are_at_least_two_hundred_and_eighty_points(bench: Bench) -> None:
    counts = [len(bench.points(bench.scenarios[name])[::step]) for name, step in STEPS.items()]
    assert len(KINDS) * sum(counts) >= 280, counts


@each_kind
@pytest.mark.parametrize("name", ["import", "rm"])
def test_without_fsync_it_is_caught(bench: Bench, volume: Volume, name: str) -> None:
    scenario = bench.scenarios[name]
    server, cache = prepare(bench, scenario, volume)
    options = ["-o", "/dev/null", "-e", "trace=fsync,fdatasync", *NO_SYNC]
    ended = server.traced(options, cache, *scenario.arguments)
    assert ended.code == 0, ended.output
    volume.lose_power()
    assert oracle.violations(cache, scenario.expected, ended_well=True)
