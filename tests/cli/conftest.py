"""Command line inside the test process: fast, and an unexpected exception fails the test."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cachedb.cli.app import main
from tests.cli import command_lines
from tests.interop.tools import Done
from tests.postgresql import Server
from tests.registry.servers import Served

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


@pytest.fixture(scope="module")
def host(registry: Served) -> str:
    """A registry with the image that the lines of `command_lines` pull."""
    command_lines.fill_registry(registry.host)
    return registry.host


@pytest.fixture
def place(tmp_path: Path, host: str, server: Server) -> command_lines.Place:
    """A directory with what the lines of `command_lines` name."""
    found = command_lines.Place(tmp_path, host, server)
    found.fill()
    return found


def succeed(run: Run, cache: Path, *arguments: object) -> str:
    """Run cachedb, which has to end well; returns its stdout."""
    done = run(cache, *arguments)
    assert done.code == 0, f"{arguments}: {done.err}"
    return done.out
