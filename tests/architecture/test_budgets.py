"""The table of budgets names tests that exist, one of each sort for each row."""

import re
from pathlib import Path

from tests.architecture.test_invariants import of_file

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "performance.md"
_TABLE = re.compile(
    r"^## Budgets without a clock$.*?^\|[-| ]+\|\n(.*?)\n\n", re.MULTILINE | re.DOTALL
)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_each_sort_of_work_has_a_test_of_each_budget() -> None:
    (table,) = _TABLE.findall(PAGE.read_text())
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert len(rows) == 12
    for work, *budgets in rows:
        assert len(budgets) == 4, work
        for budget in budgets:
            test = _TEST.fullmatch(budget)
            assert test, (work, budget)
            assert test[2] in of_file(test[1]), budget
