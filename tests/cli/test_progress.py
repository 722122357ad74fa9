"""How a transfer is watched: bars on a terminal, lines in a pipe, nothing when quiet."""

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

from tests import build
from tests.interop.tools import cachedb
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


def test_a_terminal_has_nothing_when_quiet(server: HoldingBack, tmp_path: Path) -> None:
    server.go_on.set()
    name = f"{server.host}/t/x:1"
    with on_a_terminal(tmp_path / "cache", "pull", "--quiet", name) as (process, screen):
        out, _ = process.communicate(timeout=_PATIENCE)
    assert (process.returncode, out) == (0, f"{IMAGE.digest}\n")
    assert screen.content == b""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Served]:
    with servers.docker_registry(tmp_path_factory.mktemp("registry")) as served:
        yield served


def test_a_pipe_gets_a_line_for_each_large_blob(registry: servers.Served, tmp_path: Path) -> None:
    place, other = Place.new(registry.host), Place.new(registry.host)
    put(place.host, place.path, IMAGE)
    pulled = cachedb(tmp_path / "cache", "pull", place.name)
    pushed = cachedb(tmp_path / "cache", "push", place.name, "--remote-name", other.name)

    assert (pulled.code, pulled.err) == (0, f"{BIG.digest}  4.2 MB\n")
    assert (pushed.code, pushed.err) == (0, f"{BIG.digest}  4.2 MB  mounted\n")


def test_a_pipe_gets_nothing_when_quiet(registry: servers.Served, tmp_path: Path) -> None:
    place, other = Place.new(registry.host), Place.new(registry.host)
    put(place.host, place.path, IMAGE)
    pulled = cachedb(tmp_path / "cache", "pull", "-q", place.name)
    pushed = cachedb(tmp_path / "cache", "push", "-q", place.name, "--remote-name", other.name)
    assert (pulled.out, pulled.err) == (f"{IMAGE.digest}\n", "")
    assert (pushed.out, pushed.err) == (f"{IMAGE.digest}\n", "")


def test_a_push_has_bars_too(registry: servers.Served, tmp_path: Path) -> None:
    place, other = Place.new(registry.host), Place.new(registry.host)
    put(place.host, place.path, IMAGE)
    assert cachedb(tmp_path / "cache", "pull", place.name).code == 0
    with on_a_terminal(tmp_path / "cache", "push", place.name, "--remote-name", other.name) as (
        process,
        screen,
    ):
        process.communicate(timeout=_PATIENCE)
    assert process.returncode == 0
    assert b"total" in screen.content
