"""Points of campaigns: how often each fault was injected, and how often it broke an invariant."""

from collections.abc import Iterable
from typing import Any, NamedTuple

PROPERTY = "points"
"""Name of the user property of a test in which it records them."""


class Points(NamedTuple):
    """Points at which a fault was injected; `wrong` of them broke an invariant."""

    fault: str
    number: int
    wrong: int

    def __str__(self) -> str:
        return f"{self.fault}: {self.number} points, {self.wrong} violations"


def sums(reports: Iterable[Any]) -> list[Points]:
    """Add the points of tests, from reports of pytest, by fault; sorted by it."""
    found: dict[str, Points] = {}
    for report in reports:
        if report.when != "call":
            continue
        for name, value in report.user_properties:
            if name == PROPERTY:
                fault, number, wrong = value  # a worker sends lists
                before = found.get(fault, Points(fault, 0, 0))
                found[fault] = Points(fault, before.number + number, before.wrong + wrong)
    return [found[fault] for fault in sorted(found)]
