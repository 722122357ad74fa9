"""Tables on a terminal: fitted to its width, with short digests and relative times."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb.cli.render import fitting, output
from tests import build

_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp", "Mn", "Me")),
    max_size=60,
)


def on_a_terminal(width: int, *arguments: str) -> list[str]:
    """Run cachedb with a terminal of a width as stdout; returns its lines."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "cachedb", *arguments],
        stdout=slave,
        env={name: value for name, value in os.environ.items() if name != "COLUMNS"},
    )
    os.close(slave)
    content = b""
    while True:
        try:
            chunk = os.read(master, 65_536)
        except OSError:  # Linux: the other end is closed
            break
        if not chunk:
            break
        content += chunk
    os.close(master)
    assert process.wait() == 0
    return content.decode().splitlines()


@given(_TEXT, st.integers(2, 40))
def test_a_shortened_text_has_at_most_the_cells_it_is_given(text: str, width: int) -> None:
    for shorten in (fitting.middle, fitting.items):
        found = shorten(text, width)
        assert fitting.cells(found) <= width
        if fitting.cells(text) <= width:
            assert found == text


@given(st.text("ab/:.", min_size=1, max_size=80), st.integers(3, 40))
def test_a_name_shortened_in_the_middle_keeps_its_start_and_its_end(text: str, width: int) -> None:
    found = fitting.middle(text, width)
    start, mark, end = found.partition("…")
    assert text.startswith(start)
    assert text.endswith(end)
    assert bool(mark) == (len(text) > width)
    assert not mark or len(found) == width


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        pytest.param(80, "linux/amd64,linux/arm64,linux/s390x", id="whole"),
        pytest.param(30, "linux/amd64,linux/arm64,+1", id="one-counted"),
        pytest.param(20, "linux/amd64,+2", id="two-counted"),
        pytest.param(11, "linux…s390x", id="first-too-long"),
    ],
)
def test_a_list_keeps_its_first_items_and_counts_the_others(width: int, expected: str) -> None:
    assert fitting.items("linux/amd64,linux/arm64,linux/s390x", width) == expected


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=1, max_size=6),
    st.integers(1, 300),
)
def test_columns_are_narrowed_until_a_row_fits_or_no_column_may_be_narrower(
    columns: list[tuple[int, int]], available: int
) -> None:
    widths, least = zip(*columns, strict=True)
    found = fitting.narrowed(widths, least, available)
    for new, old, floor in zip(found, widths, least, strict=True):
        assert new == old or floor <= new < old
    is_fitting = sum(found) + fitting.GAP * (len(found) - 1) <= available
    assert is_fitting or all(new <= floor for new, floor in zip(found, least, strict=True))


def test_wide_characters_take_two_cells_and_combining_ones_none() -> None:
    assert [fitting.cells(text) for text in ("ab", "日本", "é", "e\u0301")] == [2, 4, 1, 1]


@pytest.mark.parametrize("width", [72, 90, 140])
def test_a_table_fits_the_terminal(tree: build.Tree, width: int) -> None:
    image = build.index(build.image(), build.image(arch="arm64", variant="v8"))
    tree.add(image, f"registry.example.com/{'deep/' * 12}name-of-an-image:v1.2.3")
    tree.add(build.image(), "docker.io/library/日本語:1")
    lines = on_a_terminal(width, "ls", "--cache", str(tree.path))
    assert len(lines) == 3
    assert all(fitting.cells(line) <= width for line in lines)
    assert any(line.startswith("regis") and "v1.2.3  sha256:" in line for line in lines)
    ends = {fitting.cells(line[: line.index("sha256:")]) for line in lines[1:]}
    assert len(ends) == 1


TABLES = [
    "ls", "du", "history {name}", "find-root {name}", "log", "config list",
    "validate", "gc --dry-run --grace 0", "prune --dry-run --keep-last 1",
    "query refs", "query layers", "report --section images",
    "diff {name} {name}-2 --platform linux/amd64",
]  # fmt: skip


@pytest.mark.parametrize("width", [40, 80, 200])
def test_every_table_fits_the_terminal(
    tree: build.Tree, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CACHEDB_CACHE", str(tree.path))
    name = f"registry.example.com/{'deep/' * 12}image:v1.2.3"
    tree.add(build.index(build.image(), build.image(arch="arm64", variant="v8")), name)
    tree.add(build.image(build.layer({"usr/share/a/long/path/of/a/file": "1"})), f"{name}-2")
    tree.put(build.layer({"orphan": ""}))
    wide = []
    for command in TABLES:
        lines = on_a_terminal(width, *command.format(name=name).split())
        assert lines
        wide += [(command, line) for line in lines if fitting.cells(line) > width]
    assert wide == []


def test_values_in_a_pipe_are_whole(tree: build.Tree) -> None:
    name = f"registry.example.com/{'deep/' * 30}image:1"
    image = tree.add(build.image(), name)
    done = subprocess.run(
        [sys.executable, "-m", "cachedb", "ls", "--cache", str(tree.path)],
        env={**os.environ, "COLUMNS": "40"}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert name in done.stdout
    assert image.digest in done.stdout


def test_times_are_relative_on_a_terminal_unless_a_zone_is_given(tree: build.Tree) -> None:
    tree.add(build.image(), "example.com/app:1")
    words = ("query", "refs show name,added", "--cache", str(tree.path))
    assert on_a_terminal(80, *words)[1].endswith(("ago", "now"))
    assert on_a_terminal(80, *words, "--tz", "UTC")[1].endswith("Z")


@pytest.mark.parametrize(
    ("age", "text"),
    [
        pytest.param(timedelta(), "now", id="now"),
        pytest.param(timedelta(seconds=1), "1 second ago", id="second"),
        pytest.param(timedelta(seconds=119), "1 minute ago", id="minute"),
        pytest.param(timedelta(hours=47), "1 day ago", id="day"),
        pytest.param(timedelta(days=13), "1 week ago", id="week"),
        pytest.param(timedelta(days=59), "1 month ago", id="month"),
        pytest.param(timedelta(days=800), "2 years ago", id="years"),
        pytest.param(timedelta(hours=-3), "in 3 hours", id="future"),
    ],
)
def test_a_distance_is_told_in_its_largest_whole_unit(age: timedelta, text: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert output.distance(now - age, now) == text
