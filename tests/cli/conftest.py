"""Command line inside the test process: fast, and an unexpected exception fails the test."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cachedb.cli.app import main
from tests.interop.tools import Done

Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``cachedb ARGUMENTS`` on a cache."""
    monkeypatch.setenv("COLUMNS", "80")

    def call(cache: Path, *arguments: object) -> Done:
        monkeypatch.setenv("CACHEDB_CACHE", str(cache))
        monkeypatch.setattr(sys, "argv", ["cachedb", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        written = capsys.readouterr()
        return Done(code, written.out, written.err)

    return call


def succeed(run: Run, cache: Path, *arguments: object) -> str:
    """Run cachedb, which has to end well; returns its stdout."""
    done = run(cache, *arguments)
    assert done.code == 0, f"{arguments}: {done.err}"
    return done.out
