"""What ends a command from outside: Ctrl-C, a reader that has seen enough, a kill."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from cachedb.cache import Cache
from tests import build
from tests.cli import snapshot
from tests.cli.registry import Registry, serving_things
from tests.interop.tools import cachedb, succeed
from tests.operations.processes import finished, interrupt, running
from tests.registry.scripted import Asked, Reply, scripted

MIB = 1 << 20
BIG = build.layer({"big": random.Random(2).randbytes(14 * MIB)})
APP = build.image(build.layer({"small": ""}), BIG)
# More than the buffers of two sockets hold, so that much of it has been read and written by then.
HANG_AFTER = 12 * MIB


def start(cache: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "cachedb", *arguments],
        env=environment(cache),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def environment(cache: Path) -> dict[str, str]:
    # Unbuffered, Python passes over a write that a closed pipe has cut.
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    return {**kept, "CACHEDB_CACHE": str(cache)}


def interrupt_a_pull(cache: Path, registry: Registry, sent: signal.Signals) -> tuple[int, str]:
    """Send a signal to a pull that hangs; returns how it ended and what it said."""
    with start(cache, "pull", f"{registry.host}/team/app:1") as pull:
        assert registry.held.wait(60), pull.stderr
        pull.send_signal(sent)
        _, err = pull.communicate(timeout=60)
    return pull.returncode, err


def parts(cache: Path) -> list[Path]:
    return list((cache / ".cachedb" / "ingest").glob("*.part"))


def part_of(cache: Path, blob: build.Blob) -> Path:
    return cache / ".cachedb" / "ingest" / f"{blob.digest.replace(':', '-')}.part"


def test_an_interrupted_export_does_not_claim_to_keep_blobs(tmp_path: Path) -> None:
    layer = build.layer({"big": os.urandom(1 << 20).hex()})
    tree = build.layout(tmp_path / "cache", {"app:1": build.image(layer)})
    export = subprocess.Popen(
        [sys.executable, "-m", "cachedb", "export", "app:1", "--outfile", "-", "--cache",
         str(tree.path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=False,
    )  # fmt: skip
    with export:
        assert export.stdout is not None
        assert export.stderr is not None
        export.stdout.read(1)  # the pipe is full from here on, so the export waits
        export.send_signal(signal.SIGINT)
        assert export.stderr.read() == b"cachedb: interrupted\n"
    assert export.returncode == 130


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL], ids=lambda sent: sent.name)
def test_a_pull_that_is_ended_goes_on_where_it_stopped(
    tmp_path: Path, sent: signal.Signals
) -> None:
    cache = tmp_path / "cache"
    with serving_things({"team/app:1": APP}, hold=(BIG.digest, HANG_AFTER)) as registry:
        code, err = interrupt_a_pull(cache, registry, sent)
        if sent is signal.SIGINT:
            assert code == 130
            assert err == (
                "cachedb: interrupted; downloaded blobs are kept, "
                "run the command again to resume\n"
            )
        assert build.Tree(cache).entries() == []
        assert not build.Tree(cache).blobs()
        there = part_of(cache, BIG).stat().st_size
        assert 0 < there <= HANG_AFTER

        registry.hold = None
        registry.release.set()
        with Cache.open(cache) as opened:
            assert opened.layout.active_leases() == set()
            with opened.layout.sweeping(timeout=0), opened.layout.locking_names():
                assert opened.list() == []
        succeed(cache, "pull", f"{registry.host}/team/app:1")
        assert registry.ranges == [f"bytes={there}-"]
    assert build.Tree(cache).blobs() == APP.digests
    assert not parts(cache)
    assert cachedb(cache, "verify").code == 0


def test_a_push_that_is_interrupted_is_over_at_once_and_holds_nothing(tree: build.Tree) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def answer(asked: Asked) -> Reply:
        match asked.method:
            case "HEAD":
                return Reply(404)
            case "POST":
                return Reply(202, headers=(("Location", "/v2/team/app/blobs/uploads/1"),))
        reached.set()
        go_on.wait(60)
        return Reply(201)

    with scripted(answer) as server:
        tree.add(APP, f"{server.host}/team/app:1")
        with running(tree.path, "push", f"{server.host}/team/app:1") as push:
            assert reached.wait(60)
            interrupt(push)
            code, out, err = finished(push)  # while the registry still thinks
        go_on.set()

    assert (code, out) == (130, "")
    assert "Traceback" not in err
    with Cache.open(tree.path) as opened:
        assert opened.layout.active_leases() == set()
        assert len(opened.list()) == 1


def test_what_an_interrupted_pull_has_left_goes_with_a_gc(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with serving_things({"team/app:1": APP}, hold=(BIG.digest, HANG_AFTER)) as registry:
        interrupt_a_pull(cache, registry, signal.SIGKILL)
    assert parts(cache)
    assert list((cache / ".cachedb" / "leases").iterdir())
    succeed(cache, "gc")
    assert not parts(cache)
    assert not list((cache / ".cachedb" / "leases").iterdir())


def test_a_collection_leaves_a_running_pull_alone(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with (
        serving_things({"team/app:1": APP}, hold=(BIG.digest, HANG_AFTER)) as registry,
        start(cache, "pull", f"{registry.host}/team/app:1") as pull,
    ):
        assert registry.held.wait(60)
        succeed(cache, "gc", "--grace", "0")
        assert part_of(cache, BIG).exists()
        registry.hold = None
        registry.release.set()
        pull.communicate(timeout=60)
    assert pull.returncode == 0
    assert build.Tree(cache).blobs() == APP.digests


@pytest.fixture
def many(tmp_path: Path) -> build.Tree:
    """A cache whose listing does not fit into a pipe."""
    tree = build.layout(tmp_path / "cache", {"name:0": APP})
    (entry,) = tree.entries()
    names = ({build.REF_NAME: f"example.com/some/name:{n}"} for n in range(2000))
    tree.write_entries([{**entry, "annotations": annotations} for annotations in names])
    return tree


@pytest.mark.parametrize("command", ["ls", "query refs --format json"], ids=str)
def test_a_reader_that_has_seen_enough_ends_a_listing(many: build.Tree, command: str) -> None:
    succeed(many.path, "ls", "--quiet")
    with start(many.path, *command.split()) as listing:
        assert listing.stdout is not None
        assert listing.stderr is not None
        assert listing.stdout.readline()
        listing.stdout.close()
        assert listing.stderr.read() == ""
        assert listing.wait(60) == 141


def test_a_reader_that_never_looked_is_no_error(populated: build.Tree) -> None:
    before = snapshot.of(populated.path)
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "cachedb", "ls"],
            env=environment(populated.path),
            stdout=write,
            stderr=subprocess.PIPE,
            check=False,
            text=True,
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (141, "")
    assert snapshot.of(populated.path) == before


def test_ctrl_c_ends_the_wait_for_another_writer_of_the_catalog(tmp_path: Path) -> None:
    tree = build.layout(tmp_path / "cache", {"app:1": build.image()})
    succeed(tree.path, "ls")
    other = sqlite3.connect(tree.path / ".cachedb" / "index.db", isolation_level=None)
    with closing(other):
        other.execute("BEGIN IMMEDIATE")
        program = [sys.executable, "-m", "cachedb", "tag", "app:1", "app:2"]
        limits = environment(tree.path) | {"CACHEDB_LIMIT_LOCK_SECONDS": "600"}
        limits |= {"CACHEDB_LOCK_SECONDS": "600"}
        with subprocess.Popen(program, env=limits, stderr=subprocess.PIPE, text=True) as waiting:
            assert waiting.stderr is not None
            notice = waiting.stderr.readline()
            waiting.send_signal(signal.SIGINT)
            _, told = waiting.communicate(timeout=60)

    assert f"waiting for a transaction on index.db, held by process {os.getpid()} (" in notice
    assert (waiting.returncode, told) == (130, "cachedb: interrupted\n")


# -- what killed operations leave ----------------------------------------------------------------

_KILLED_AT = (
    "import os, runpy, signal; from {module} import {owner};"
    "{owner}.{function} = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
    "runpy.run_module('cachedb', run_name='__main__')"
)
_IN_IMPORT = {"module": "cachedb.layout.staging", "owner": "area", "function": "complete"}
_IN_A_REPLACEMENT = {"module": "cachedb.layout", "owner": "atomic", "function": "sync"}
_IN_GC = {
    "module": "cachedb.layout.quarantine", "owner": "Quarantine", "function": "sync"
}  # fmt: skip


def kill_itself(cache: Path, where: dict[str, str], *arguments: str) -> None:
    program = ("-c", _KILLED_AT.format(**where))
    with running(cache, *arguments, program=program) as process:
        assert finished(process)[0] == -signal.SIGKILL


def own_leftovers(cache: Path) -> set[str]:
    """The folders of `.cachedb` that hold what an operation that was killed has left."""
    private = cache / ".cachedb"
    names = ("ingest", "leases", "tmp", "trash")
    return {
        name for name in names if (private / name).exists() and any((private / name).iterdir())
    }


def assert_doctor_counts_leftovers(cache: Path) -> None:
    done = cachedb(cache, "doctor")
    assert done.code == 0, done.out
    assert "of killed operations" in done.err


def test_doctor_ends_with_0_after_a_killed_pull_and_the_next_pull_clears(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with serving_things({"team/app:1": APP}, hold=(BIG.digest, HANG_AFTER)) as registry:
        interrupt_a_pull(cache, registry, signal.SIGKILL)
        assert own_leftovers(cache) == {"ingest", "leases"}
        assert_doctor_counts_leftovers(cache)
        registry.hold = None
        registry.release.set()
        succeed(cache, "pull", f"{registry.host}/team/app:1")
    assert own_leftovers(cache) == set()


def test_doctor_ends_with_0_after_a_killed_import_and_the_next_writers_clear(
    tmp_path: Path,
) -> None:
    cache, archive = tmp_path / "cache", tmp_path / "app.tar"
    tree = build.layout(tmp_path / "source", {"app:1": APP})
    succeed(tree.path, "export", "app:1", "-o", str(archive))
    succeed(cache, "import", str(archive))
    succeed(cache, "rm", "--yes", "app:1")
    succeed(cache, "gc", "--grace", "0")
    kill_itself(cache, _IN_IMPORT, "import", str(archive))
    assert {"leases", "ingest"} <= own_leftovers(cache)
    kill_itself(cache, _IN_A_REPLACEMENT, "import", str(archive))
    assert_doctor_counts_leftovers(cache)
    succeed(cache, "import", str(archive))
    assert own_leftovers(cache) <= {"ingest"}
    assert cachedb(cache, "doctor").code == 0
    succeed(cache, "gc")
    assert own_leftovers(cache) == set()


def test_ctrl_c_leaves_quarantined_blobs_to_the_next_command(tree: build.Tree) -> None:
    """Moving them back takes as long as there are many, and Ctrl-C must not."""
    tree.add(APP, "app:1")
    succeed(tree.path, "rm", "--yes", "app:1")
    code = _KILLED_AT.replace("SIGKILL", "SIGINT").format(**_IN_GC)
    with running(tree.path, "gc", "--grace", "0", program=("-c", code)) as process:
        assert finished(process) == (130, "", "cachedb: interrupted\n")
    assert "trash" in own_leftovers(tree.path)
    assert_doctor_counts_leftovers(tree.path)
    succeed(tree.path, "ls")
    assert build.Tree(tree.path).blobs() == APP.digests
    assert "trash" not in own_leftovers(tree.path)


def test_doctor_ends_with_0_after_a_killed_collection_and_the_next_undoes_it(
    tree: build.Tree,
) -> None:
    tree.add(APP, "app:1")
    succeed(tree.path, "rm", "--yes", "app:1")
    kill_itself(tree.path, _IN_GC, "gc", "--grace", "0")
    assert "trash" in own_leftovers(tree.path)
    assert_doctor_counts_leftovers(tree.path)
    succeed(tree.path, "ls")
    assert build.Tree(tree.path).blobs() == APP.digests
    succeed(tree.path, "gc", "--grace", "0")
    assert own_leftovers(tree.path) == set()
    assert not build.Tree(tree.path).blobs()
