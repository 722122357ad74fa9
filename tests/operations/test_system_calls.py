"""What commands on many images cost in calls of the file system, counted by strace."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import layouts
from cachedb.cache import Cache
from tests.operations.test_budgets import HALF
from tests.programs import require

FEW, MANY = 50, 250
FILES = ("openat", "newfstatat", "getdents64", "rename", "renameat", "unlink", "unlinkat", "fsync")
_NOISE = 150
"""Modules that only the first run of a command compiles, or only one layout needs."""


def file_calls(path: Path, words: str, report: Path) -> int:
    program = Path(sys.executable).with_name("cachedb")
    subprocess.run(
        ["strace", "-f", "-c", "-U", "calls,name", "-o", report, program, *words.split(),
         "--cache", path],
        check=True,
        capture_output=True,
    )  # fmt: skip
    rows = (line.split() for line in report.read_text().splitlines())
    calls = Counter({row[1]: int(row[0]) for row in rows if len(row) == 2 and row[0].isdecimal()})
    assert calls["openat"]
    return sum(calls[name] for name in FILES)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A small and a large layout whose times prove that nothing has changed since."""
    made = layouts.Made(tmp_path_factory.mktemp("settled"))
    found = [made.of(images) for images in (FEW, MANY)]
    time.sleep(2.1)
    for path in found:
        Cache.open(path).close()
    return found


@pytest.mark.parametrize("words", ["du", "validate", "gc --dry-run", f"rm --yes --where {HALF}"])
def test_a_command_on_more_images_makes_no_more_calls_of_the_file_system(
    words: str, settled: list[Path], tmp_path: Path
) -> None:
    require("strace")
    few, many = (file_calls(path, words, tmp_path / "report") for path in settled)
    assert many - few < _NOISE < (MANY - FEW) * layouts.OWN_BLOBS
