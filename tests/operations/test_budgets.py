"""What commands on a layout of many images cost: memory of a process, statements, files.

Memory is that of a whole process whose address space is limited, so that an allocation beyond the
limit fails in it. Numbers of statements and of calls of the file system are differences between
two sizes of a layout.
"""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest

from benchmarks import layouts
from cachedb.cache import Cache
from cachedb.operations.read.listing import list_digests, list_images
from tests import build, connections
from tests.operations.test_cost_of_collection import counted

FEW, MANY, LARGE = 20, 60, 1_000
FIRST = "docker.io/bench/app-00000:v1"
HALF = "name:docker.io/bench/app-*[02468]:v1"
ADDRESS_SPACE = 512 << 20
"""Bytes: libraries, the stacks of threads and the arenas of malloc take most of them."""
_LIMITED = """
import resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
code = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


class Budget(NamedTuple):
    """A command, and the most memory of its process in MiB with 1 000 images, 7 200 blobs."""

    words: str
    memory: int


READING = (
    Budget(f"find-root {FIRST}", 45),
    Budget("ls", 55),
    Budget("ls --quiet", 50),
    Budget("ls --format jsonl", 55),
    Budget("du", 50),
    Budget("validate", 50),
    Budget("gc --dry-run --grace 0", 55),
    Budget("verify", 60),
)
CHANGING = (Budget(f"rm --yes --where {HALF}", 70), Budget("gc --grace 0", 60))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layout of another tool that cachedb has opened."""
    path = tmp_path_factory.mktemp("budgets") / "cache"
    layouts.make(path, LARGE)
    Cache.open(path).close()
    return path


def peak_memory(cache: Path, words: str) -> float:
    """Run a command to its end in a limited address space; return its peak memory in MiB."""
    program = Path(sys.executable).with_name("cachedb")
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(ADDRESS_SPACE), program, *words.split(), "--cache",
         cache],
        check=False,
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return int(done.stdout) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="macOS counts memory in bytes")
@pytest.mark.parametrize("budget", READING, ids=lambda one: one.words)
def test_a_command_that_reads_stays_within_its_memory(budget: Budget, opened: Path) -> None:
    assert peak_memory(opened, budget.words) <= budget.memory


@pytest.mark.skipif(sys.platform != "linux", reason="macOS counts memory in bytes")
@pytest.mark.parametrize("budget", CHANGING, ids=lambda one: one.words)
def test_a_command_that_changes_stays_within_its_memory(budget: Budget, tmp_path: Path) -> None:
    path = tmp_path / "cache"
    layouts.make(path, LARGE)
    Cache.open(path).close()
    layouts.halve(path)
    Cache.open(path).close()
    assert peak_memory(path, budget.words) <= budget.memory


@pytest.mark.skipif(sys.platform != "linux", reason="macOS counts memory in bytes")
def test_one_change_by_another_tool_stays_within_its_memory(opened: Path, tmp_path: Path) -> None:
    path = tmp_path / "cache"
    shutil.copytree(opened, path)
    Cache.open(path).close()
    layouts.extend(path)
    assert peak_memory(path, "find-root docker.io/bench/new:v1") <= 50


@pytest.mark.skipif(sys.platform != "linux", reason="macOS counts memory in bytes")
@pytest.mark.parametrize(("form", "memory"), [("filesystem", 50), ("oci", 35)])
def test_an_export_stays_within_its_memory(form: str, memory: int, tmp_path: Path) -> None:
    content = {f"etc/{number % 100}/{number}": "x" for number in range(20_000)}
    tree = build.layout(tmp_path / "cache", {FIRST: build.image(build.layer(content))})
    words = f"export --quiet --format {form} -o {tmp_path / 'out.tar'} {FIRST}"
    assert peak_memory(tree.path, words) <= memory


def test_ls_ends_at_once_when_its_reader_does(opened: Path) -> None:
    program = Path(sys.executable).with_name("cachedb")
    command = [program, "ls", "--format", "jsonl", "--cache", opened]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert FIRST.encode() in process.stdout.readline()
        process.stdout.close()  # 150 kB are left, more than a pipe holds
        assert process.stderr.read() == b""


def test_the_first_opening_stays_within_its_memory(tmp_path: Path) -> None:
    layouts.make(tmp_path / "cache", LARGE)
    assert peak_memory(tmp_path / "cache", f"find-root {FIRST}") <= 55


def remove_half(cache: Cache) -> None:
    before = len(cache.list())
    cache.remove(cache.plan_removal(where=HALF))
    assert len(cache.list()) == before // 2


WORK: dict[str, Callable[[Cache], object]] = {
    "ls": lambda cache: cache.answer(list_images),
    "ls --quiet": lambda cache: cache.answer(list_digests),
    "du": lambda cache: cache.usage(),
    "validate": lambda cache: cache.validate(),
    "export": lambda cache: cache.export(FIRST, os.devnull),
    "rm --where": remove_half,
}


def cost(path: Path, work: Callable[[Cache], object]) -> Counter[str]:
    """Open a layout and do some work on it; count statements and calls of the file system."""
    counts: Counter[str] = Counter()
    with ExitStack() as patches:
        for module in ("layout.fingerprint", "operations.sync.reconcile"):
            # Times that are too young are no proof, and what is read then depends on the moment.
            patches.enter_context(mock.patch(f"cachedb.{module}.racy_since", return_value=2**63))
        Cache.open(path).close()
        cache = patches.enter_context(Cache.open(path))
        for name in ("open", "stat", "scandir", "listdir", "rename", "unlink", "fsync"):
            counting = counted(counts, name, getattr(os, name))
            patches.enter_context(mock.patch.object(os, name, counting))
        patches.enter_context(
            connections.counting_statements(lambda: counts.update(["statement"]))
        )
        work(cache)
    return counts


@pytest.mark.parametrize("command", WORK)
def test_more_images_cost_no_more_statements_and_no_more_calls_of_the_file_system(
    command: str, tmp_path: Path
) -> None:
    # Once more before, because imports open and rename files as well.
    cost(layouts.Made(tmp_path / "before").of(FEW), WORK[command])
    few, many = (cost(layouts.Made(tmp_path).of(n), WORK[command]) for n in (FEW, MANY))
    assert few["statement"]
    assert many == few
