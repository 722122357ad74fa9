"""The page of invariants is true: every test that it names exists, and no invariant lacks one."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "explanation" / "invariants.md"
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`( \*campaign\*)?")
ROW = re.compile(r"^\| ([Iwg]-?\d+) \| .* \| (.*) \|$", re.MULTILINE)
IDS = [
    *(f"I{number}" for number in range(1, 22)),
    *(f"w{number}" for number in range(1, 12)),
    *(f"g{number}" for number in range(1, 10)),
    *(f"I-{number}" for number in range(1, 18)),
]


def named() -> list[tuple[str, str, bool]]:
    """Return file, name, and whether it is said to be a campaign, of every test on the page."""
    return [(path, name, bool(mark)) for path, name, mark in TEST.findall(PAGE.read_text())]


@cache
def of_file(path: str) -> dict[str, bool]:
    """Return the tests of a file, and whether each is a campaign."""
    found = {}
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.FunctionDef):
            marks = {ast.unparse(each) for each in node.decorator_list}
            found[node.name] = not marks.isdisjoint({"pytest.mark.campaign", "campaign"})
        elif isinstance(node, ast.Assign):  # a state machine is a test under the name it gets
            found |= {each.id: False for each in node.targets if isinstance(each, ast.Name)}
    return found


def test_every_invariant_has_a_row_with_a_test() -> None:
    rows = ROW.findall(PAGE.read_text())
    assert [key for key, _ in rows] == IDS
    assert [key for key, shown in rows if not TEST.search(shown)] == []


def test_every_invariant_has_a_test_that_always_runs() -> None:
    rows = ROW.findall(PAGE.read_text())
    assert [key for key, shown in rows if all(mark for _, _, mark in TEST.findall(shown))] == []


def test_every_test_that_is_named_exists() -> None:
    assert [f"{path}::{name}" for path, name, _ in named() if name not in of_file(path)] == []


def test_campaigns_are_called_so() -> None:
    wrong = [
        f"{path}::{name}" for path, name, mark in named() if of_file(path).get(name) is not mark
    ]
    assert wrong == []
