"""How a transfer is watched: bars on a terminal, lines in a pipe, nothing when quiet."""

import io
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console

from cachedb.cache import Cache
from cachedb.cli.feedback.bars import Bars
from cachedb.cli.feedback.display import Display
from cachedb.feedback.progress import UNCOUNTED, Progress, Task
from cachedb.oci import Digest
from tests import build, golden_files
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
        env={
            **os.environ,
            "TERM": "xterm",
            "COLUMNS": "200",
            "CACHEDB_CACHE": str(cache),
            **environment,
        },
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
        assert screen.shows(f"{SHORT}")
        assert screen.shows(f"pull {server.host}/t/x:1")
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
def registry(registry: servers.Served) -> servers.Served:
    put(registry.host, "t/x", IMAGE)
    return registry


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
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the bars of this process be drawn at once."""
    monkeypatch.setattr(Display, "is_due", True)


@pytest.mark.usefixtures("impatient")
def test_a_push_has_bars_too(
    run: Run, places: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name, other = places
    assert run(tmp_path, "pull", name).code == 0
    terminal = made_terminal(monkeypatch)
    assert run(tmp_path, "push", name, "--remote-name", other).code == 0
    assert f"push {other}" in terminal.getvalue()


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
Shown = dict[str, tuple[float, float | None]]


def shown(display: Display) -> Shown:
    """Return how far each bar is, and of how much."""
    return {work.what: (work.done, work.total) for work in display.works()}


def test_the_total_is_of_all_that_is_to_come() -> None:
    display = Display()
    with display.task("pull app:1"):
        display.announce(100)
        display.expect(Digest(BIG.digest), 60, "app:1")
        bar = f"app:1 {SHORT}"
        assert shown(display) == {"pull app:1": (0, 100), bar: (0, 60)}
        display.advance(Digest(BIG.digest), 40)
        assert shown(display) == {"pull app:1": (40, 100), bar: (40, 60)}
        display.finish(Digest(BIG.digest), 60)
        assert shown(display) == {"pull app:1": (60, 100)}
        display.expect(Digest(SMALL.digest), 40)
        display.finish(Digest(SMALL.digest), 40, "mounted")
        assert shown(display) == {"pull app:1": (100, 100)}
    assert shown(display) == {}


def test_the_total_grows_where_the_size_is_unknown() -> None:
    display = Display()
    with display.task("import dir"):
        for blob in (BIG, SMALL):
            display.expect(Digest(blob.digest), blob.size)
        assert shown(display)["import dir"] == (0, BIG.size + SMALL.size)


def test_a_transfer_that_starts_anew_is_counted_once() -> None:
    display, digest = Display(), Digest(BIG.digest)
    with display.task("pull app:1"):
        display.announce(60)
        display.expect(digest, 60)
        display.advance(digest, 50)
        display.advance(digest, 0)
        assert shown(display) == {"pull app:1": (0, 60), SHORT: (0, 60)}
        display.advance(digest, 30)
        display.expect(digest, 60)  # by another image, after the first could not bring it
        assert shown(display)[SHORT] == (0, 60)
        assert shown(display)["pull app:1"][0] == 0


def test_two_images_that_differ_about_a_blob_do_not_trip_the_bars() -> None:
    display, digest = Display(), Digest(BIG.digest)
    with display.task("pull 2 images"):
        display.expect(digest, 60)
        display.expect(digest, 70)
        display.finish(digest, 60)
        display.advance(digest, 5)
        display.finish(digest, 70)
        assert list(shown(display)) == ["pull 2 images"]


def test_transfers_leave_the_total_of_a_step_that_counts_an_archive() -> None:
    display = Display()
    with display.task("import app.tar", 500) as step:
        display.expect(Digest(BIG.digest), 60)
        step.advance(200)
        assert shown(display) == {SHORT: (0, 60), "import app.tar": (200, 500)}


def test_a_display_imports_rich_only_when_bars_are_drawn() -> None:
    code = (
        "import sys\n"
        "from cachedb.cli.feedback.display import Display\n"
        "with Display().task('verify', 10) as task: task.advance(10)\n"
        "print('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


# -- what each operation reports -----------------------------------------------------------------


class Recorded(Task):
    """A step that counts."""

    def __init__(self, what: str, total: int | None, unit: str) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.done = 0
        self.lock = threading.Lock()

    def advance(self, amount: int = 1) -> None:
        with self.lock:
            self.done += amount


class Recorder(Progress):
    """An observer that keeps every step."""

    def __init__(self) -> None:
        self.steps: list[Recorded] = []
        self.images: list[str] = []

    def task(self, what: str, total: int | None = None, unit: str = "bytes") -> Recorded:
        self.steps.append(Recorded(what, total, unit))
        return self.steps[-1]

    def expect(self, digest: Digest, size: int, image: str = "") -> None:  # noqa: ARG002
        self.images.append(image)

    def complete(self) -> list[str]:
        """Return the steps that have done what they announced."""
        return [f"{step.what}, {step.unit}" for step in self.steps if step.done == step.total]


def test_every_long_operation_reports_its_steps_to_the_end(
    tree: build.Tree, tmp_path: Path
) -> None:
    tree.add(IMAGE, "example.com/app:1")
    tree.add(build.image(build.layer({"small": "other"})), "other:1")
    tree.put(build.layer({"orphan": ""}))
    recorder = Recorder()
    with Cache.open(tree.path, progress=recorder) as cache:
        assert recorder.complete() == ["index, blobs"]

        def read(name: str, path: str) -> None:
            cache.read_file(name, path).stream.close()

        operations = {
            "verify": cache.verify,
            "validate --deep": cache.validate_deeply,
            "export": lambda: cache.export("example.com/app:1", tmp_path / "oci.tar"),
            "export for docker": lambda: cache.export(
                "example.com/app:1", tmp_path / "docker.tar", format="docker"
            ),
            "files": lambda: cache.files("example.com/app:1"),
            "cat": lambda: read("example.com/app:1", "/big"),
            "diff": lambda: cache.compare("example.com/app:1", "other:1"),
            "diff of text": lambda: list(
                cache.text_difference(cache.compare("example.com/app:1", "other:1"))
            ),
            "waste": lambda: cache.waste(["example.com/app:1"]),
            "index files": lambda: cache.index_files("example.com/app:1"),
            "files, indexed": lambda: cache.files("example.com/app:1"),
            "waste, indexed": lambda: cache.waste(["example.com/app:1"]),
            "gc": lambda: cache.collect(cache.plan_collection(grace=0)),
            "import": lambda: cache.import_(tmp_path / "oci.tar", name="b:1"),
        }
        reported = {}
        for name, operation in operations.items():
            recorder.steps.clear()
            operation()
            steps = dict.fromkeys(recorder.complete())  # documents are checked once or twice
            reported[name] = [step for step in steps if step != "index, blobs"]
    assert reported == {
        "verify": ["verify, bytes"],
        "validate --deep": ["verify, bytes", "unpack, bytes"],
        "export": ["export example.com/app:1, bytes"],
        "export for docker": ["export example.com/app:1, bytes"],
        "files": ["read example.com/app:1, bytes"],
        "cat": ["read example.com/app:1, bytes"],
        "diff": ["read example.com/app:1 and other:1, bytes"],
        "diff of text": [
            "read example.com/app:1 and other:1, bytes",
            "read example.com/app:1, bytes",
            "read other:1, bytes",
        ],
        "waste": ["measure waste, bytes", "read example.com/app:1, bytes"],
        "index files": ["index files, bytes", "find visible files, images"],
        "files, indexed": [],
        "waste, indexed": [],
        "gc": ["check documents, documents", "collect, blobs"],
        "import": [f"import {tmp_path / 'oci.tar'}, bytes"],
    }


def test_an_import_of_a_directory_names_the_image_of_each_blob(tmp_path: Path) -> None:
    origin = build.layout(tmp_path / "origin", {"app:1": IMAGE})
    recorder = Recorder()
    with Cache.create(tmp_path / "cache", progress=recorder) as cache:
        cache.import_(origin.path)
    assert set(recorder.images) == {"app:1"}


def test_an_observer_of_one_method_replaces_that_of_the_cache(tmp_path: Path) -> None:
    origin = build.layout(tmp_path / "origin", {"app:1": IMAGE})
    general, special = Recorder(), Recorder()
    with Cache.create(tmp_path / "cache", progress=general) as cache:
        general.steps.clear()
        cache.import_(origin.path, progress=special)
    assert [step.what for step in special.steps] == [f"import {origin.path}"]
    assert f"import {origin.path}" not in [step.what for step in general.steps]


# -- golden screens of bars ----------------------------------------------------------------------


def drawn(width: int, display: Display, *, advance: Callable[[], None]) -> str:
    """Return the bars of a display after two seconds by its clock, as text."""
    clock = iter(range(1_000))
    now = [0.0]
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    bars = Bars(display, console, lambda: now[0])
    bars.lines()
    for _ in range(2):
        now[0] = next(clock) + 1.0
        advance()
        bars.lines()
    with console.capture() as captured:
        console.print(bars.lines())
    return captured.get()


@pytest.mark.parametrize("width", [80, 200])
def test_golden_bars(width: int) -> None:
    name = "registry.example.com/team/service/backend:1.25.3"
    blobs = [Digest(f"sha256:{n:064x}") for n in (10**70, 3 * 10**70)]
    screens = []

    def screen(what: str, total: int | None, unit: str, amount: int) -> None:
        display = Display()
        with display.task(what, total, unit) as task:
            text = drawn(width, display, advance=lambda: task.advance(amount))
        screens.append(text)

    screen("index", 41_000, "blobs", 8_123)
    screen("read SBOMs", 120, "documents", 7)
    screen("verify", 12_345_678_901, "bytes", 731_000_000)
    screen("unpack", 4_200_000_000, "bytes", 93_000_000)
    screen(f"export {name}", 512_000_000, "bytes", 201_000_000)
    screen("collect", 3_500, "blobs", 1_500)
    screen("report", None, UNCOUNTED, 0)
    screen("import images.tar.gz", 99_000_000, "bytes", 4_000_000)
    screen("index files", 880_000_000, "bytes", 40_000_000)

    display = Display()
    with display.task(f"pull {name}"):
        display.announce(330_000_000)
        for blob in blobs:
            display.expect(blob, 150_000_000, name)
        moved = iter((10, 20, 30, 40))

        def transfer() -> None:
            for blob in blobs:
                display.advance(blob, next(moved) * 1_000_000)

        screens.append(drawn(width, display, advance=transfer))
    assert all(len(line) <= width for text in screens for line in text.splitlines())
    golden_files.check(f"bars_{width}.txt", "\n".join(screens))
