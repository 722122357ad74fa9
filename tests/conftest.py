"""Fixtures of all tests: layouts on disk as another tool writes them."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import build, order, points, recorded
from tests.postgresql import Server, serving
from tests.registry import servers

# A law does not fail because the machine is loaded.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_configure() -> None:
    """Let Ctrl-C reach the programs that tests start: a shell makes its background deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort the files of a parallel run, the longest first."""
    if hasattr(config, "workerinput"):
        order.longest_first(items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs recordings before a fixture looks for them."""
    if item.get_closest_marker("recorded"):
        recorded.skip_without()


@pytest.fixture(scope="session", autouse=True)
def _own_cache_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep compiled queries out of the cache directory of the user, and read no configuration."""
    with pytest.MonkeyPatch.context() as environment:
        # Not /dev/null: a command that writes the file would replace it for the whole machine.
        environment.setenv("CACHEDB_CONFIG_FILE", str(tmp_path_factory.mktemp("config") / "none"))
        environment.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache-home")))
        yield


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server for all tests of a worker; those that stop it have one of their own."""
    with serving() as found:
        yield found


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Served]:
    """A docker-registry of one file of tests: empty, over http, without logins."""
    with servers.docker_registry(tmp_path_factory.mktemp("registry")) as served:
        yield served


@pytest.fixture
def layout_dir(tmp_path: Path) -> Path:
    """A directory with an empty layout."""
    return build.layout(tmp_path / "cache").path


@pytest.fixture
def tree(layout_dir: Path) -> build.Tree:
    """An empty layout, and the changes that another tool may make to it."""
    return build.Tree(layout_dir)


BASE = build.layer({"bin/sh": "#!base"})
APP = build.index(
    build.image(BASE, build.layer({"app": "amd64"}), labels={"team": "red"}, env=["A=1"]),
    build.image(BASE, build.layer({"app": "arm64"}), arch="arm64", variant="v8"),
)
TOOL = build.image(BASE, build.layer({"tool": "1"}), labels={"team": "blue"})


@pytest.fixture
def populated(tree: build.Tree) -> build.Tree:
    """A layout with an index of two platforms, an image that shares a layer, and an orphan."""
    tree.add(APP, "example.com/app:1")
    tree.add(TOOL, "docker.io/library/tool:2")
    tree.put(build.layer({"orphan": ""}))
    return tree


class Checked:
    """Points that a test has checked, and those after which something was wrong."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._properties = request.node.user_properties

    def count(self, fault: str, number: int, wrong: int) -> None:
        """Record points at which a fault was injected; `wrong` of them broke an invariant."""
        self._properties.append((points.PROPERTY, (fault, number, wrong)))


@pytest.fixture
def checked(request: pytest.FixtureRequest) -> Checked:
    """Counter of points, whose sums are printed after the last test."""
    return Checked(request)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a campaign fail that has checked fewer points than it should."""
    parser.addoption("--points", type=int, default=0, help="fewest points that a run has to check")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that was successful, and has checked too few points."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    fewest = session.config.getoption("--points")
    if reporter is None or hasattr(session.config, "workerinput") or session.exitstatus:
        return
    if sum(each.number for each in _points(reporter)) < fewest:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the points of every fault, and how many of them broke an invariant."""
    found = _points(terminalreporter)
    for each in found:
        terminalreporter.write_line(str(each))
    fewest = terminalreporter.config.getoption("--points")
    if fewest or len(found) > 1:
        total = points.Points(
            "sum", sum(each.number for each in found), sum(each.wrong for each in found)
        )
        terminalreporter.write_line(f"{total}, of at least {fewest}")


def _points(reporter: pytest.TerminalReporter) -> list[points.Points]:
    return points.sums(
        each for outcome in ("passed", "failed") for each in reporter.getreports(outcome)
    )
