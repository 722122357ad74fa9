"""The steps that each command reports, from which a terminal shows progress after a second."""

import pytest

from cachedb.cli.app import _COMMANDS
from cachedb.cli.feedback.lines import Lines
from cachedb.feedback.progress import BYTES, Progress, Task
from tests.cli.command_lines import LINES, Place
from tests.cli.conftest import Run

OPENING = {"compare files", "index", "read SBOMs"}
"""Steps of the first command on a layout, and of those after another tool has changed it."""
_NAMED = ("export", "import", "pull", "push", "read")
"""First words of steps whose label goes on with a name."""
_WHOLE = {"read catalog", "read SBOMs"}
_COLLECTION = {"find unreferenced blobs", "collection"}
STEPS = {
    "cat": {"read"},
    "check": {"check rules", "query"},
    "clean": {"select images", "collection", "check documents", "collect"},
    "copy": {"pull", "push"},
    "diff": {"read"},
    "doctor": {"examine"},
    "du": {"measure usage"},
    "export": {"plan export", "export"},
    "files": {"read"},
    "find-root": {"read catalog"},
    "gc": {*_COLLECTION, "check documents", "collect"},
    "history": {"read catalog"},
    "import": {"import"},
    "index": {"select images", "index files", "find visible files"},
    "inspect": {"read catalog"},
    "pin": {"select images", "write names"},
    "policy": {"query", "select images", "write names", *_COLLECTION},
    "prune": {"query", "select images", "write names", *_COLLECTION},
    "pull": {"pull"},
    "push": {"push"},
    "query": {"query"},
    "report": {"report"},
    "rm": {"select images", "write names"},
    "show": {"read catalog"},
    "sync": {"pull"},
    "tag": {"write names"},
    "tree": {"read catalog"},
    "unpin": {"write names"},
    "untag": {"write names"},
    "validate": {"select images", "validate"},
    "verify": {"verify"},
    "waste": {"select images", "measure waste", "read"},
    "why": {"read catalog"},
}
WITHOUT = {
    "cache": "prints a path",
    "config": "reads a file of at most 1 MB",
    "sample": "writes two archives of 17 MB in less than a second",
    "fleet": "list reads a row of each cache; add, sync and rm report the step publish",
    "ls": "prints each batch of images when it is read",
    "sbom": "prints each document when it is read",
    "log": "reads a journal of at most 2000 operations",
    "tags": "sends one request for a page of tags, and -v logs each",
}
"""Commands without steps besides those of opening, and why they are not silent for long."""


def test_every_command_has_a_row() -> None:
    assert STEPS.keys() | WITHOUT.keys() == set(_COMMANDS)
    assert STEPS.keys().isdisjoint(WITHOUT)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the set of steps that the observer of the command line receives."""
    found: set[str] = set()

    def task(lines: Lines, what: str, total: int | None = None, unit: str = BYTES) -> Task:
        first = what.partition(" ")[0]
        found.add(first if first in _NAMED and what not in _WHOLE else what)
        return Progress.task(lines, what, total, unit)

    monkeypatch.setattr(Lines, "task", task, raising=False)
    return found


@pytest.mark.parametrize("command", _COMMANDS)
def test_a_command_reports_its_steps(
    run: Run, place: Place, steps: set[str], command: str
) -> None:
    line = LINES[command]
    if line.before:
        assert run(place.cache, *place.words(line.before)).code == 0
        steps.clear()
    done = run(place.cache, *place.words(line.typed))

    assert done.code == 0
    assert steps - OPENING == STEPS.get(command, set())
    if command in STEPS and not line.before:
        assert steps >= {"compare files", "index"}
