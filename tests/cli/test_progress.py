"""How a transfer is watched: bars on a terminal, lines in a pipe, nothing when quiet."""

import io
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress as Bars

from cachedb.cli.feedback.progress import _Bars as BarsOf
from cachedb.oci import Digest
from tests import build
from tests.cli.conftest import Run
from tests.operations.registries import Place, put
from tests.registry import servers
from tests.registry.holding_back import HoldingBack, holding_back

_PATIENCE = 60
BIG = build.layer({"big": bytes(range(256)) * (4 << 12)}, media_type=build.OCI_LAYER)
IMAGE = build.image(BIG, build.layer({"small": ""}))
SHORT = BIG.digest[7:19]
ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Screen:
    """What a terminal was sent."""

    content: bytes = b""
    changed: threading.Condition = field(default_factory=threading.Condition)

    def read(self, master: int) -> None:
        with suppress(OSError):  # the end of a terminal
            while chunk := os.read(master, 4096):
                with self.changed:
                    self.content += chunk
                    self.changed.notify_all()

    def shows(self, text: str) -> bool:
        """Wait until a text has been on the screen."""
        with self.changed:
            return self.changed.wait_for(lambda: text.encode() in self.content, _PATIENCE)


@contextmanager
def on_a_terminal(
    cache: Path, *arguments: str, **environment: str
) -> Iterator[tuple["subprocess.Popen[str]", Screen]]:
    """Run cachedb with a terminal for stderr."""
    master, slave = pty.openpty()
    screen = Screen()
    process = subprocess.Popen(
        [sys.executable, "-m", "cachedb", *arguments],
        env={**os.environ, "TERM": "xterm", "CACHEDB_CACHE": str(cache), **environment},
        stdout=subprocess.PIPE,
        stderr=slave,
        text=True,
    )
    os.close(slave)
    reader = threading.Thread(target=screen.read, args=(master,))
    reader.start()
    try:
        yield process, screen
    finally:
        process.kill()
        process.communicate()
        reader.join()
        os.close(master)


@pytest.fixture
def server() -> Iterator[HoldingBack]:
    with holding_back(IMAGE) as held:
        yield held


def test_a_terminal_has_a_bar_for_each_blob_and_one_for_all(
    server: HoldingBack, tmp_path: Path
) -> None:
    name = f"{server.host}/t/x:1"
    with on_a_terminal(tmp_path / "cache", "pull", name) as (process, screen):
        assert screen.shows(SHORT)
        assert screen.shows("total")
        assert screen.shows("2.1/4.2 MB")
        server.go_on.set()
        out, _ = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 0
    assert out.startswith(f"{name}  {IMAGE.digest}  ")
    # The bars go when they are done, and nothing else was written.
    assert re.search(rb"\x1b\[[12]?K", screen.content)
    last = ESCAPE.sub(b"", screen.content).replace(b"\r", b"\n").rstrip().rpartition(b"\n")[2]
    assert b"cachedb" not in last


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Served]:
    with servers.docker_registry(tmp_path_factory.mktemp("registry")) as served:
        put(served.host, "t/x", IMAGE)
        yield served


@pytest.fixture
def places(registry: servers.Served) -> tuple[str, str]:
    """Return the name of the image in the registry, and one that nothing has."""
    return f"{registry.host}/t/x:1", Place.new(registry.host).name


class Terminal(io.StringIO):
    """A terminal of this process."""

    def isatty(self) -> bool:
        return True


def made_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Let stderr be a terminal; not as a fixture, since pytest takes stderr back after those."""
    screen = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


def test_a_push_has_bars_too(
    run: Run, places: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name, other = places
    assert run(tmp_path, "pull", name).code == 0
    terminal = made_terminal(monkeypatch)
    assert run(tmp_path, "push", name, "--remote-name", other).code == 0
    assert "total" in terminal.getvalue()


def test_a_terminal_has_nothing_when_quiet(
    run: Run, places: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name, other = places
    terminal = made_terminal(monkeypatch)
    for arguments in (["pull", name], ["push", name, "--remote-name", other]):
        done = run(tmp_path, *arguments, "--quiet")
        assert (done.code, done.out) == (0, f"{IMAGE.digest}\n")
    assert terminal.getvalue() == ""


def test_a_pipe_gets_a_line_for_each_large_blob(
    run: Run, places: tuple[str, str], tmp_path: Path
) -> None:
    name, other = places
    pulled = run(tmp_path, "pull", name)
    pushed = run(tmp_path, "push", name, "--remote-name", other)

    assert (pulled.code, pulled.err) == (0, f"{BIG.digest}  4.2 MB\n")
    assert (pushed.code, pushed.err) == (0, f"{BIG.digest}  4.2 MB  mounted\n")


def test_a_pipe_gets_nothing_when_quiet(run: Run, places: tuple[str, str], tmp_path: Path) -> None:
    name, other = places
    for arguments in (["pull", name], ["push", name, "--remote-name", other]):
        done = run(tmp_path, *arguments, "-q")
        assert (done.code, done.out, done.err) == (0, f"{IMAGE.digest}\n", "")


def test_no_progress_prints_neither_bars_nor_lines_of_blobs(
    run: Run, places: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name, other = places
    assert run(tmp_path, "pull", name, "--no-progress").err == ""
    terminal = made_terminal(monkeypatch)
    assert run(tmp_path, "--no-progress", "push", name, "--remote-name", other).code == 0
    assert terminal.getvalue() == ""


def test_a_variable_of_the_environment_suppresses_progress(
    run: Run, places: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CACHEDB_NO_PROGRESS", "1")
    assert run(tmp_path, "pull", places[0]).err == ""


# -- what the bars say -------------------------------------------------------------------------

SMALL = IMAGE.layers[1]


@pytest.fixture
def bars() -> Bars:
    """Bars that are not drawn."""
    return Bars(console=Console(file=io.StringIO()), auto_refresh=False)


def shown(bars: Bars) -> dict[str, tuple[float, float | None]]:
    """Return how far each bar is, and of how much."""
    return {task.description: (task.completed, task.total) for task in bars.tasks}


def test_the_total_is_of_all_that_is_to_come(bars: Bars) -> None:
    watch = BarsOf(bars)
    watch.announce(100)
    watch.expect(Digest(BIG.digest), 60)
    assert shown(bars) == {"total": (0, 100), SHORT: (0, 60)}
    watch.advance(Digest(BIG.digest), 40)
    assert shown(bars) == {"total": (40, 100), SHORT: (40, 60)}
    watch.finish(Digest(BIG.digest), 60)
    assert shown(bars) == {"total": (60, 100)}
    watch.expect(Digest(SMALL.digest), 40)
    watch.finish(Digest(SMALL.digest), 40, "mounted")
    assert shown(bars) == {"total": (100, 100)}


def test_the_total_grows_where_the_size_is_unknown(bars: Bars) -> None:
    watch = BarsOf(bars)
    for blob in (BIG, SMALL):
        watch.expect(Digest(blob.digest), blob.size)
    assert shown(bars)["total"] == (0, BIG.size + SMALL.size)


def test_a_transfer_that_starts_anew_is_counted_once(bars: Bars) -> None:
    watch, digest = BarsOf(bars), Digest(BIG.digest)
    watch.announce(60)
    watch.expect(digest, 60)
    watch.advance(digest, 50)
    watch.advance(digest, 0)
    assert shown(bars) == {"total": (0, 60), SHORT: (0, 60)}
    watch.advance(digest, 30)
    watch.expect(digest, 60)  # by another image, after the first could not bring it
    assert shown(bars)[SHORT] == (0, 60)
    assert shown(bars)["total"][0] == 0


def test_two_images_that_differ_about_a_blob_do_not_trip_the_bars(bars: Bars) -> None:
    watch, digest = BarsOf(bars), Digest(BIG.digest)
    watch.expect(digest, 60)
    watch.expect(digest, 70)
    watch.finish(digest, 60)
    watch.advance(digest, 5)
    watch.finish(digest, 70)
    assert list(shown(bars)) == ["total"]
