"""Count of the points that the crash campaigns have checked, printed at their end."""

from collections import Counter

import pytest


class Checked:
    """Points that a test has checked, and those after which something was wrong."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._properties = request.node.user_properties

    def count(self, fault: str, points: int, wrong: int) -> None:
        """Record points at which a fault was injected; `wrong` of them broke an invariant."""
        self._properties.append(("points", (fault, points, wrong)))


@pytest.fixture
def checked(request: pytest.FixtureRequest) -> Checked:
    """Counter of points, whose sums are printed after the last test."""
    return Checked(request)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the points of every fault, and how many of them broke an invariant."""
    points: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in getattr(report, "user_properties", ()):
                if name == "points" and report.when == "call":
                    fault, some, bad = value
                    points[fault] += some
                    wrong[fault] += bad
    for fault, number in sorted(points.items()):
        terminalreporter.write_line(f"{fault}: {number} points, {wrong[fault]} violations")
