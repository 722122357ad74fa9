"""What commands on many images or files cost as processes: calls of the file system, by strace."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import layouts
from cachedb.cache import Cache
from tests import build, strace
from tests.operations.test_budgets import FIRST, HALF

FEW, MANY = 50, 250
OPENED = ("openat", "getdents64", "rename", "renameat", "unlink", "unlinkat", "fsync", "fdatasync")
FILES = (*OPENED, "newfstatat", "lseek", "close")
_NOISE = 150
"""Modules that only the first run of a command compiles, or only one layout needs."""
_PROGRAM = """
import sys
from cachedb.layout import fingerprint
fingerprint._RACY_NS = 0  # the times of a layout that was made just now are proof
from cachedb.cli.entry import main
main()
"""


def run(path: Path, words: str) -> strace.Counted:
    """Run a command on a layout that is taken for one of long ago."""
    return strace.run([sys.executable, "-c", _PROGRAM, *words.split(), "--cache", path])


def of_files(calls: Counter[str]) -> int:
    assert calls["openat"]
    return sum(calls[name] for name in FILES)


def opened(path: Path) -> Path:
    Cache.open(path).close()
    run(path, f"find-root {FIRST}")
    return path


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A small and a large layout whose times prove that nothing has changed since."""
    made = layouts.Made(tmp_path_factory.mktemp("settled"))
    return [opened(made.of(images)) for images in (FEW, MANY)]


READING = ["ls", "ls --quiet", "ls --format jsonl", "du", "validate", "gc --dry-run"]


@pytest.mark.parametrize("words", [*READING, f"rm --yes --where {HALF}"])
def test_a_command_on_more_images_makes_no_more_calls_of_the_file_system(
    words: str, settled: list[Path]
) -> None:
    few, many = (of_files(run(path, words).calls) for path in settled)
    assert many - few < _NOISE < (MANY - FEW) * layouts.OWN_BLOBS


@pytest.mark.parametrize("words", ["ls", "ls --quiet"])
def test_a_listing_of_more_images_writes_no_more_often_when_python_does_not_buffer(
    words: str, settled: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")  # as in many container images
    few, many = (run(path, words).calls["write"] for path in settled)
    assert 0 < many <= few + 2


def test_one_change_by_another_tool_costs_one_look_at_each_file_and_opens_none_of_them(
    tmp_path: Path,
) -> None:
    made = layouts.Made(tmp_path)
    found = []
    for images in (FEW, MANY):
        path = opened(made.of(images))
        layouts.extend(path)
        files = len(list((path / "blobs/sha256").iterdir()))
        found.append((run(path, "find-root docker.io/bench/new:v1").calls, files))
    (few, files_of_few), (many, files_of_many) = found
    more = files_of_many - files_of_few
    assert more > (MANY - FEW) * layouts.OWN_BLOBS
    assert many["newfstatat"] - few["newfstatat"] <= more + 10
    # A block of a listing has a thousand names; nothing else depends on their number.
    assert sum(many[name] - few[name] for name in OPENED) <= 10
    assert many["fdatasync"] == few["fdatasync"] <= 5  # one commit


@pytest.mark.parametrize("form", ["filesystem", "oci"])
def test_an_export_makes_no_more_calls_of_the_file_system_for_more_files_in_a_layer(
    form: str, tmp_path: Path
) -> None:
    found = []
    for files in (FEW, MANY):
        content = {f"etc/{number % 10}/{number}": "x" * 1_000 for number in range(files)}
        tree = build.layout(tmp_path / str(files), {FIRST: build.image(build.layer(content))})
        opened(tree.path)
        out = tmp_path / f"{files}.tar"
        words = f"export --quiet --format {form} -o {out} {FIRST}"
        run(tree.path, words)  # which compiles the modules that it imports
        out.unlink()
        found.append(run(tree.path, words).calls)
    few, many = found
    assert of_files(many) - of_files(few) <= 10
    assert many["write"] - few["write"] <= 5
