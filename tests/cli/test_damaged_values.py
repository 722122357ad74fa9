"""A catalog with values out of range is damaged: one line and exit code 4, never a traceback."""

import sqlite3

import pytest

from cachedb.layout import fingerprint
from tests import build
from tests.cli.conftest import Run
from tests.conftest import BASE

CHANGES = {
    "state": "UPDATE blob SET state = 42",
    "kind": "UPDATE blob SET kind = 42",
    "reading": "UPDATE blob SET parsed = 42",
    "role": "UPDATE link SET role = 42 + id",
    "digest": "UPDATE blob SET digest = 'sha256:zz' || id WHERE kind > 1",
    "size": "UPDATE blob SET size = -1",
    "time": "UPDATE config SET created = 9223372036854775807",
}
SUCCESS, NOT_FOUND, CORRUPT, FAULTS = 0, 3, 4, 8
COMMANDS = {
    "ls": ("ls",),
    "show": ("show", "example.com/app:1"),
    "tree": ("tree", "example.com/app:1"),
    "why": ("why", BASE.digest),
    "du": ("du",),
    "validate": ("validate",),
    "verify": ("verify",),
    "repair": ("verify", "--repair"),
    "query": ("query", "blobs"),
    "collect": ("gc", "--dry-run", "--grace", "0"),
    "explain": ("gc", "--explain", "--dry-run", "--grace", "0"),
    "remove": ("rm", "--dry-run", "example.com/app:1"),
    "doctor": ("doctor",),
}
FINDERS = {
    "state": {"tree", "validate", "doctor"},
    "kind": {"ls", "show", "tree", "query", "explain", "doctor"},
    "reading": set[str](),
    "role": {"tree", "doctor"},
    "digest": {"ls", "verify", "query", "doctor"},
    "size": {"tree", "explain", "doctor"},
    "time": {"show"},
}
"""Commands that have to find each change: they turn its values into types of ours."""


@pytest.fixture
def current(populated: build.Tree, run: Run, monkeypatch: pytest.MonkeyPatch) -> build.Tree:
    """A cache whose catalog is up to date, so that no command reads the files again."""
    monkeypatch.setattr(fingerprint, "_RACY_NS", 0)
    assert run(populated.path, "ls").code == 0
    return populated


@pytest.mark.parametrize("change", list(CHANGES))
def test_a_value_out_of_range_is_a_damaged_catalog(
    current: build.Tree, run: Run, change: str
) -> None:
    connection = sqlite3.connect(current.path / ".cachedb" / "index.db")
    with connection:
        connection.execute(CHANGES[change])
    connection.close()
    codes = {}
    for name, arguments in COMMANDS.items():
        done = run(current.path, *arguments)
        assert "Traceback" not in done.err, name
        codes[name] = done.code
    assert codes.pop("why") in {SUCCESS, NOT_FOUND, CORRUPT}
    assert set(codes.values()) <= {SUCCESS, CORRUPT, FAULTS}, codes
    assert {name for name, code in codes.items() if code != SUCCESS} >= FINDERS[change]
