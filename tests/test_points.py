"""Sums of the points of campaigns, and runs that fail with too few of them."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import points
from tests.points import Points

_TEST = """
def test_some(checked):
    checked.count("lost", 3, 0)

def test_more(checked):
    checked.count("lost", 2, 1)
    checked.count("late", 1, 0)
"""


def report(when: str, *found: object) -> SimpleNamespace:
    return SimpleNamespace(when=when, user_properties=[(points.PROPERTY, each) for each in found])


def test_points_are_added_by_fault_and_counted_once_a_test() -> None:
    reports = [
        report("call", ("lost", 3, 0)),
        report("teardown", ("lost", 3, 0)),
        report("call", ["late", 1, 0], ["lost", 2, 1]),
    ]

    assert points.sums(reports) == [Points("late", 1, 0), Points("lost", 5, 1)]


@pytest.mark.parametrize(("fewest", "code"), [(6, 0), (7, 1)])
def test_a_run_with_fewer_points_than_it_has_to_check_fails(
    tmp_path: Path, fewest: int, code: int
) -> None:
    (tmp_path / "test_points.py").write_text(_TEST)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider",
         "-n", "2", "--points", str(fewest), f"--rootdir={tmp_path}", str(tmp_path)],
        check=False, capture_output=True, text=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip

    assert done.returncode == code, done.stdout
    assert f"sum: 6 points, 1 violations, of at least {fewest}" in done.stdout
