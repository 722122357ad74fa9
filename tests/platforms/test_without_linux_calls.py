"""cachedb where Linux's own system calls are missing, as on macOS, and where it does not run."""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cachedb import Cache, system_calls
from cachedb.layout import temporary_files
from cachedb.operations.archives import sample_images as sample
from tests import build

ROOT = Path(__file__).resolve().parents[2]
_ADDS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from cachedb import Cache
folder, archive, prefix, *_ = sys.argv[1:]
with Cache.create(folder) as cache, ThreadPoolExecutor(4) as pool:
    list(pool.map(lambda n: cache.import_(archive, name=f"example.com/{prefix}:{n}"), range(6)))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sample.write(tmp_path)
    return tmp_path


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "tests.platforms.without_linux_calls", *words]


def run(folder: Path, *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CACHEDB_CACHE": str(folder / "cache"), **extra}
    return subprocess.run(
        command("-", *words), cwd=ROOT, env=environment, check=False, capture_output=True,
        text=True,
    )  # fmt: skip


def names(folder: Path) -> set[str]:
    return set(run(folder, "ls", "--format", "{name}").stdout.split())


def test_the_tour_of_the_readme_runs(folder: Path) -> None:
    for words in (
        ("import", str(folder / "app.tar"), str(folder / "tool.tar")),
        ("ls",),
        ("query", "layers", "size", "gt", "1M"),
        ("validate",),
        ("du",),
        ("rm", sample.APP),
        ("gc", "--grace", "0"),
        ("verify",),
        ("doctor",),
        ("export", sample.TOOL, "-o", str(folder / "out.tar")),
    ):
        done = run(folder, *words)
        assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    assert names(folder) == {sample.TOOL}


def test_threads_and_processes_lose_no_name(folder: Path) -> None:
    script = folder / "adds.py"
    script.write_text(_ADDS)
    arguments = (str(folder / "cache"), str(folder / "tool.tar"))
    run(folder, "import", str(folder / "tool.tar"))
    started = [
        subprocess.Popen(command(str(script), *arguments, prefix), cwd=ROOT)
        for prefix in ("a", "b")
    ]
    # A third process has the calls of Linux: its lock and that of POSIX exclude each other.
    started.append(subprocess.Popen([sys.executable, str(script), *arguments, "c"], cwd=ROOT))
    assert [process.wait(120) for process in started] == [0, 0, 0]
    added = {f"example.com/{prefix}:{number}" for prefix in "abc" for number in range(6)}
    assert names(folder) == {sample.TOOL, *added}


def test_the_lock_of_linuxkit_excludes_a_writer(folder: Path) -> None:
    run(folder, "import", str(folder / "tool.tar"))
    with open(folder / "cache" / ".lock", "w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        done = run(folder, "rm", sample.TOOL, CACHEDB_LOCK_SECONDS="1")
    assert done.returncode == 5
    assert "locked by another process" in done.stderr


def test_gc_keeps_a_file_of_another_tool_for_a_day(folder: Path) -> None:
    leftover = build.layout(folder / "cache").path / "oci-put-blob123"
    leftover.write_bytes(b"x" * 100)
    done = run(folder, "gc", "--grace", "0")
    assert (done.returncode, leftover.exists()) == (0, True)


def test_gc_removes_a_file_of_another_tool_after_a_day(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = build.layout(folder / "cache")
    leftover = tree.path / "oci-put-blob123"
    leftover.write_bytes(b"x" * 100)
    now = time.time_ns()
    monkeypatch.setattr(system_calls, "HAS_LEASES", False)
    monkeypatch.setattr(temporary_files.time, "time_ns", lambda: now + 2 * 86_400 * 10**9)
    with Cache.open(tree.path) as cache:
        cache.collect(cache.plan_collection(grace=0))
    assert not leftover.exists()


def test_windows_is_refused_in_one_sentence() -> None:
    code = "import sys; sys.platform = 'win32'; import cachedb"
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True
    )
    last = done.stderr.splitlines()[-1]
    assert last == "ImportError: cachedb runs on Linux and macOS; on Windows, use it in WSL"
