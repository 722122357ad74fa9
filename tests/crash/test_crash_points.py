"""Whatever system call is the last one, or fails: nothing that has a name is lost or half there.

A sample runs with every test run, every point with ``make crash``. What is checked after each
point is in `oracle` (plain Python on files) and in `aftermath` (cachedb itself): I1 to I6, I8,
I9, I11 and I14 of the store protocol.
"""

import itertools
from collections.abc import Iterator

import pytest

from tests.conftest import Checked
from tests.crash import bench as benches
from tests.crash import injection, oracle
from tests.crash.bench import Bench
from tests.crash.injection import EIO, ENOSPC, KILL, Point

SCENARIOS = (
    "open", "undo", "pull", "import", "rm", "gc", "gc-into-trash", "repair", "rebuild",
    "pin", "unpin", "tag", "rm-and-rewrite",
)  # fmt: skip
FAULTS = {"kill": KILL, "full-disk": ENOSPC, "bad-disk": EIO}
each_scenario = pytest.mark.parametrize("name", SCENARIOS)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with benches.opened(tmp_path_factory.mktemp("crash")) as opened:
        yield opened


@each_scenario
def test_every_scenario_comes_to_its_end(bench: Bench, name: str) -> None:
    scenario, place = bench.scenarios[name], bench.places[0]
    bench.restore(scenario, place)
    ended = place.server.run(place.cache, *scenario.arguments)
    assert ended.code == 0, ended.output
    assert oracle.violations(place.cache, scenario.expected, ended_well=True) == []
    assert place.server.examine(place.cache, *scenario.arguments) == []
    assert oracle.residues(place.cache, scenario.expected) == []


@each_scenario
def test_a_fault_at_some_points_breaks_nothing(bench: Bench, name: str) -> None:
    scenario = bench.scenarios[name]
    points = benches.spread(bench.points(scenario), lambda group: group[len(group) // 2 :][:1])
    work = list(zip(points, itertools.cycle(FAULTS.values()), strict=False))
    assert bench.check_all(scenario, work) == {}


@pytest.mark.campaign
@pytest.mark.parametrize("fault", FAULTS)
@each_scenario
def test_a_fault_at_any_point_breaks_nothing(
    bench: Bench, checked: Checked, name: str, fault: str
) -> None:
    scenario = bench.scenarios[name]
    work = [(point, FAULTS[fault]) for point in bench.points(scenario)]
    wrong = bench.check_all(scenario, work)
    checked.count(fault, len(work), len(wrong))
    assert wrong == {}


@pytest.mark.campaign
def test_there_are_at_least_fifteen_hundred_points(bench: Bench) -> None:
    found = {name: len(bench.points(scenario)) for name, scenario in bench.scenarios.items()}
    assert set(found) == set(SCENARIOS)
    assert sum(found.values()) >= 1500, found


# A mutant of the protocol, the scenario in which it shows, and the calls at which it does.
MUTANTS = [
    ("index_in_place", "rm", {"write"}, "I1"),
    ("index_in_place", "import", {"write"}, "I1"),
    ("blob_in_place", "import", {"write"}, "I2"),
    ("index_first", "import", {"linkat", "renameat"}, "I4"),
    ("blobs_first", "rm", {"unlink", "renameat"}, "I4"),
]


@pytest.mark.parametrize(
    ("mutant", "name", "calls", "invariant"), MUTANTS, ids=[f"{m[0]}-{m[1]}" for m in MUTANTS]
)
def test_a_protocol_that_is_broken_on_purpose_is_caught(
    bench: Bench, mutant: str, name: str, calls: set[str], invariant: str
) -> None:
    scenario, place = bench.scenarios[name], bench.places[0]

    def is_caught(point: Point, broken: str | None) -> bool:
        bench.restore(scenario, place)
        arguments = scenario.arguments
        injection.inject(place.server, point, KILL, place.cache, *arguments, mutant=broken)
        found = oracle.violations(place.cache, scenario.expected, ended_well=False)
        return any(each.startswith(invariant) for each in found)

    points = [point for point in bench.points(scenario, mutant) if point.call in calls]
    assert any(is_caught(point, mutant) for point in points)
    whole = [point for point in bench.points(scenario) if point.call in calls]
    assert not any(is_caught(point, None) for point in whole[::3])
