"""Set-up of the crash campaigns: a registry, scenarios, and parallel fork servers."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from tests.cli.registry import serving_things
from tests.crash import injection, oracle, scenarios
from tests.crash.injection import Ended, ForkServer, Point
from tests.crash.scenarios import Scenario

_SIDE_BY_SIDE = 2


@dataclass(frozen=True)
class Place:
    """A fork server, and the folder in which its cache is."""

    server: ForkServer
    folder: Path

    @property
    def cache(self) -> Path:
        return self.folder / "cache"


@dataclass(frozen=True)
class Bench:
    """Where scenarios are run."""

    scenarios: dict[str, Scenario]
    places: tuple[Place, ...]

    def points(self, scenario: Scenario, mutant: str | None = None) -> list[Point]:
        """Return every point at which a scenario changes something."""
        place = self.places[0]
        self.restore(scenario, place)
        trace = place.folder / "trace"
        arguments = scenario.arguments
        return injection.points(place.server, place.cache, *arguments, trace=trace, mutant=mutant)

    def restore(self, scenario: Scenario, place: Place) -> None:
        """Give a place a fresh cache."""
        scenarios.restore(scenario, place.cache)
        if scenario.is_ready:
            place.server.settle(place.cache)

    def check(
        self, scenario: Scenario, point: Point, fault: str, place: Place, mutant: str | None = None
    ) -> list[str]:
        """Let a scenario meet a fault; returns what is wrong afterwards."""
        self.restore(scenario, place)
        arguments = scenario.arguments
        ended = injection.inject(
            place.server, point, fault, place.cache, *arguments, mutant=mutant
        )
        found = oracle.violations(place.cache, scenario.expected, ended_well=ended.code == 0)
        found += _unclean(ended)
        found += place.server.examine(place.cache, *arguments)
        return found + oracle.residues(place.cache, scenario.expected)

    def check_all(
        self,
        scenario: Scenario,
        work: Sequence[tuple[Point, str]],
        mutant: str | None = None,
    ) -> dict[str, list[str]]:
        """Check many points, some side by side; returns those after which something is wrong."""
        free: SimpleQueue[Place] = SimpleQueue()
        for place in self.places:
            free.put(place)

        def check(item: tuple[Point, str]) -> list[str]:
            place = free.get()
            try:
                return self.check(scenario, *item, place, mutant)
            finally:
                free.put(place)

        with ThreadPoolExecutor(len(self.places)) as pool:
            results = list(pool.map(check, work))
        named = [f"{scenario.name} {point} {fault}" for point, fault in work]
        return {name: found for name, found in zip(named, results, strict=True) if found}


def _unclean(ended: Ended) -> list[str]:
    """Return what is wrong with how a command ended: an error is a line, never a traceback."""
    if ended.code is None:
        return []
    lines = ended.output.strip().splitlines()
    if "Traceback" in ended.output or ended.code >= 90:
        return [f"I14: no clean error: {ended.output[-2000:]}"]
    if ended.code and not any(line.startswith("cachedb: ") for line in lines):
        return [f"I14: no message: {ended.code} {ended.output[-2000:]}"]
    return []


@contextmanager
def opened(fallback: Path, side_by_side: int = _SIDE_BY_SIDE) -> Iterator[Bench]:
    """Set the bench up, in memory where that can be, and clear it away."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="crash-", dir=scenarios.scratch(fallback)))
        stack.callback(shutil.rmtree, folder)
        registry = stack.enter_context(serving_things(scenarios.SERVED))
        templates = folder / "templates"
        templates.mkdir()
        places = []
        for number in range(side_by_side):
            place = folder / f"place-{number}"
            place.mkdir()
            places.append(Place(stack.enter_context(injection.fork_server(place)), place))
        yield Bench(scenarios.make_all(templates, registry.host), tuple(places))


def spread(points: Sequence[Point], choose: Callable[[list[Point]], list[Point]]) -> list[Point]:
    """Choose among the points of each system call by itself."""
    by_call: dict[str, list[Point]] = {}
    for point in points:
        by_call.setdefault(point.call, []).append(point)
    return [point for group in by_call.values() for point in choose(group)]
