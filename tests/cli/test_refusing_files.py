"""A disk that is full and a cache that may only be read: told in a line, and nothing is lost."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import build
from tests.cli import snapshot
from tests.cli.conftest import Run
from tests.conftest import APP, TOOL
from tests.interop.tools import Done, cachedb
from tests.programs import require, require_root

APP_1, TOOL_2 = "example.com/app:1", "docker.io/library/tool:2"
DISK_BYTES = 400_000
BIG = build.image(build.layer({"big": random.Random(1).randbytes(300_000)}))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, too small for BIG."""
    require_root("mount a file system")
    require("mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "cachedb-test", str(disk)]
    done = subprocess.run(mount, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture
def big_archive(tmp_path: Path) -> Path:
    path = tmp_path / "big.tar"
    path.write_bytes(build.archive({"big:1": BIG}))
    return path


def fill(disk: Path) -> None:
    """Take all the space that is left."""
    with (disk / "ballast").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def populate(path: Path) -> build.Tree:
    return build.layout(path, {APP_1: APP, TOOL_2: TOOL})


def test_what_does_not_fit_is_told_and_the_rest_stays(small_disk: Path, big_archive: Path) -> None:
    tree = populate(small_disk / "cache")
    assert cachedb(tree.path, "ls").code == 0
    before = snapshot.of(tree.path)

    done = cachedb(tree.path, "import", big_archive)

    assert done.code == 9
    assert len(done.err.splitlines()) == 1
    assert "full" in done.err or "no space left on device" in done.err
    assert snapshot.of(tree.path) == before
    assert cachedb(tree.path, "validate").code == 0


def test_a_full_disk_can_be_emptied(small_disk: Path, big_archive: Path) -> None:
    tree = populate(small_disk / "cache")
    cachedb(tree.path, "import", big_archive)  # leaves the part that fitted on the stage
    assert os.statvfs(small_disk).f_bavail == 0

    assert cachedb(tree.path, "gc").code == 0
    assert cachedb(tree.path, "rm", APP_1).code == 0
    assert cachedb(tree.path, "gc", "--grace", "0").code == 0
    assert tree.blobs() == TOOL.digests


def test_names_are_kept_when_there_is_no_space_for_new_ones(small_disk: Path) -> None:
    tree = populate(small_disk / "cache")
    cachedb(tree.path, "ls")
    before = snapshot.of(tree.path)
    fill(small_disk)

    done = cachedb(tree.path, "rm", APP_1)

    assert (done.code, len(done.err.splitlines())) == (9, 1)
    assert snapshot.of(tree.path) == before


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
from cachedb.cli.app import main
sys.argv = ["cachedb", *sys.argv[1:]]
main()
"""


def test_a_file_that_may_not_grow_is_like_a_full_disk(
    populated: build.Tree, big_archive: Path
) -> None:
    assert cachedb(populated.path, "ls").code == 0
    before = snapshot.of(populated.path)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "import", str(big_archive)],
        env={**os.environ, "CACHEDB_CACHE": str(populated.path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 9
    assert done.stderr == "cachedb: cannot write a blob: file too large\n"
    assert snapshot.of(populated.path) == before


# -- a cache that may only be read ----------------------------------------------------------------

READING = [
    "ls", f"show {APP_1}", f"tree {APP_1}", f"why {TOOL.digest}", "validate",
    "validate --deep", "verify", "du", "query refs", "gc --dry-run --grace 0",
    f"rm --dry-run {APP_1}", f"export -o /dev/null {APP_1}",
]  # fmt: skip
WRITING = ["gc --grace 0", f"rm {APP_1}", "import BIG", "pull 127.0.0.1:1/x"]


# All commands in one process: what starts it again and again is most of what they would take.
EACH = """
import contextlib, io, json, sys
from cachedb.cli.app import main
for command in json.load(sys.stdin):
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.argv = ["cachedb", *command.split()]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


def unprivileged(*process: str) -> list[str]:
    """Return a command line without the capabilities that let root write everywhere."""
    if os.geteuid() != 0:
        return [*process]
    require("setpriv")
    dropped = "-dac_override,-dac_read_search,-fowner"
    return ["setpriv", f"--bounding-set={dropped}", "--inh-caps=-all", *process]


def without_privileges(cache: Path, commands: list[str]) -> list[Done]:
    """Run commands without the capabilities that let root write everywhere."""
    done = subprocess.run(
        unprivileged(sys.executable, "-c", EACH),
        env={**os.environ, "CACHEDB_CACHE": str(cache)},
        input=json.dumps(commands),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return [Done(*json.loads(line)) for line in done.stdout.splitlines()]


def protect(root: Path) -> None:
    for folder, _, names in os.walk(root):
        for name in names:
            Path(folder, name).chmod(0o444)
        Path(folder).chmod(0o555)


def unprotect(root: Path) -> None:
    for folder, _, _ in os.walk(root):
        Path(folder).chmod(0o755)


@pytest.fixture(params=["never-opened", "in-step", "drifted"])
def read_only(populated: build.Tree, request: pytest.FixtureRequest) -> Iterator[build.Tree]:
    """A cache that may only be read: without a catalog, with one, with one that is out of date."""
    if request.param != "never-opened":
        assert cachedb(populated.path, "ls").code == 0
    if request.param == "drifted":
        populated.add(build.image(build.layer({"later": ""})), "later:1")
    protect(populated.path)
    yield populated
    unprotect(populated.path)


def test_a_read_only_cache_can_be_queried(read_only: build.Tree, tmp_path: Path, run: Run) -> None:
    writable = Path(shutil.copytree(read_only.path, tmp_path / "copy"))
    unprotect(writable)
    before = snapshot.of(read_only.path)
    answers = without_privileges(read_only.path, READING)
    assert [done.code for done in answers] == [0] * len(READING)
    assert [done.out for done in answers] == [run(writable, *c.split()).out for c in READING]
    assert snapshot.of(read_only.path) == before


def test_a_read_only_cache_is_not_changed(read_only: build.Tree, big_archive: Path) -> None:
    before = snapshot.of(read_only.path)
    commands = [command.replace("BIG", str(big_archive)) for command in WRITING]
    says = f"cachedb: the cache {str(read_only.path)!r} is read-only\n"
    assert without_privileges(read_only.path, commands) == [Done(9, "", says)] * len(WRITING)
    assert snapshot.of(read_only.path) == before


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_output_that_cannot_be_written_is_an_error(populated: build.Tree, unbuffered: str) -> None:
    environment = {"CACHEDB_CACHE": str(populated.path), "PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cachedb", "ls"],
            env=os.environ | environment,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            text=True,
        )
    assert done.returncode == 9
    assert done.stderr == "cachedb: cannot continue: no space left on device\n"
