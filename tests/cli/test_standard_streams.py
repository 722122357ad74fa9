"""Standard streams that are closed or unbuffered, as scripts and containers have them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import build

MANY = 400


def cachedb(cache: Path, *arguments: str, redirect: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program in a shell, with a redirection, and without a buffer for stdout."""
    command = [sys.executable, "-m", "cachedb", *arguments]
    return subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {redirect}', *command],
        env=os.environ | {"CACHEDB_CACHE": str(cache), "PYTHONUNBUFFERED": "1"},
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["ls"], ["rm", "example.com/app:1"], ["gc", "--grace", "0"], ["doctor"]],
    ids=" ".join,
)
def test_a_closed_stdout_is_no_traceback(populated: build.Tree, arguments: list[str]) -> None:
    done = cachedb(populated.path, *arguments, redirect=">&-")
    assert "Traceback" not in done.stderr
    assert done.returncode == 0


def test_every_stream_may_be_closed(populated: build.Tree) -> None:
    done = cachedb(populated.path, "ls", redirect="<&- >&- 2>&-")
    assert done.returncode == 0


@pytest.mark.parametrize("form", ["json", "csv", "jsonl", "table"])
def test_a_long_output_reaches_a_slow_reader_whole(tmp_path: Path, form: str) -> None:
    image = build.image()
    names = {f"example.com/{'x' * 100}{number}:1": image for number in range(MANY)}
    tree = build.layout(tmp_path / "cache", names)
    done = cachedb(tree.path, "ls", "--format", form, redirect="| (sleep 0.3; cat)")
    assert done.returncode == 0
    assert all(name in done.stdout for name in names)


def test_an_archive_is_not_written_into_the_cache(populated: build.Tree) -> None:
    before = (populated.path / "index.json").read_bytes()
    for target in ("index.json", "blobs/x.tar", ".cachedb/index.db"):
        outfile = str(populated.path / target)
        done = cachedb(populated.path, "export", "-o", outfile, "example.com/app:1")
        assert done.returncode == 2
        assert "is inside the cache" in done.stderr
    assert (populated.path / "index.json").read_bytes() == before
