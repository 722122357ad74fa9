"""A command that waits for another process prints what it waits for and which process that is."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import build
from tests.cli.registry import serving_things
from tests.interop.tools import succeed
from tests.layout import child
from tests.operations.processes import finished, running
from tests.postgresql import Server

LAYER = build.layer({"file": "of a layer"})
APP = build.image(LAYER)
# The notice comes at once, and its reader ends the wait: no test depends on a duration.
_IMPATIENT = """
from cachedb import lock_waits
lock_waits.NOTICE_SECONDS = 0
import cachedb_program
cachedb_program.main()
"""
_LAYOUT = """
from pathlib import Path
from cachedb.layout import Layout, locks
layout = Layout.open(Path({root!r}))
private = layout._private()
descriptor = private.__enter__()
taken = {take}
taken.__enter__()
"""
_FILE = """
import fcntl
file = open({path!r}, 'a+')
{lock}
"""
_DATABASE = """
import sqlite3
database = sqlite3.connect({path!r}, isolation_level=None)
for statement in {statements!r}: database.execute(statement).fetchall()
"""
_LIMIT = r", for \d+ s more \(CACHEDB_LIMIT_LOCK_SECONDS\)"


def holding_layout(take: str) -> str:
    return _LAYOUT.replace("{take}", take)


def holding_file(path: str, lock: str) -> str:
    return _FILE.replace("{path!r}", f"{{root!r}} + '/{path}'").replace("{lock}", lock)


def holding_database(name: str, *statements: str) -> str:
    path = f"{{root!r}} + '/.cachedb/{name}'"
    return _DATABASE.replace("{path!r}", path).replace("{statements!r}", repr(statements))


_POSIX = "fcntl.lockf(file, fcntl.LOCK_EX)"
_STAGING = "locks.exclusive_staging(descriptor)"
_JOURNAL = "locks.journal(descriptor)"
WAITS = {
    "names-of-linuxkit": (
        holding_file(".lock", _POSIX), "tag app:1 app:2", r"the lock of names \(\.lock\)",
    ),
    "names": (
        holding_layout("layout.locking_names()"), "rm app:1 --yes",
        r"the lock of names \(\.lock\)",
    ),
    "sweep": (
        holding_layout("layout.sweeping()"), "import {app}",
        r"the lock of collections \(\.cachedb/gc\.lock\)",
    ),
    "publishing": (
        holding_layout("layout.publishing()"), "gc --grace 0",
        r"the lock of collections \(\.cachedb/gc\.lock\)",
    ),
    "staging": (
        holding_layout(_STAGING), "import {app}",
        r"the lock of the staging area \(\.cachedb/stage\.lock\)",
    ),
    "journal": (
        holding_layout(_JOURNAL), "pin app:1",
        r"the lock of the journal \(\.cachedb/journal\.lock\)",
    ),
    "writer-of-the-catalog": (
        holding_database("index.db", "BEGIN IMMEDIATE"), "tag app:1 app:2",
        r"a transaction on index\.db",
    ),
    "commit-of-another": (
        holding_database("index.db", "BEGIN EXCLUSIVE"), "ls", r"a transaction on index\.db",
    ),
    "reader-of-the-catalog": (
        holding_database("index.db", "BEGIN", "SELECT * FROM ref"), "tag app:1 app:2",
        r"a transaction on index\.db",
    ),
    "rebuild": (
        holding_database("index.db", "BEGIN", "SELECT * FROM ref"), "doctor --rebuild",
        r"a transaction on index\.db",
    ),
    "writer-of-the-index-of-files": (
        holding_database("files.db", "BEGIN IMMEDIATE"), "index files app:1",
        r"a transaction on files\.db",
    ),
    "commit-of-the-index-of-files": (
        holding_database("files.db", "BEGIN EXCLUSIVE"), "query files",
        r"a transaction on files\.db",
    ),
}  # fmt: skip


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    tree = build.layout(tmp_path / "cache", {"app:1": APP})
    (tmp_path / "app.tar").write_bytes(build.archive({"more:3": build.image()}))
    succeed(tree.path, "ls")
    return tree.path


@contextmanager
def waiting(cache: Path, setup: str, *words: str) -> Iterator[tuple[str, child.Child]]:
    """Run a command while another process holds something; yields the first line of its stderr.

    Then the other process ends, and the command has to end well.
    """
    with (
        child.holding(setup) as other,
        running(cache, *words, program=("-c", _IMPATIENT)) as command,
    ):
        assert command.stderr is not None
        yield command.stderr.readline().rstrip("\n"), other
        other.kill()
        code, _, err = finished(command)
        assert code == 0, err


@pytest.mark.parametrize("name", WAITS)
def test_a_wait_names_the_lock_and_the_process_that_holds_it(cache: Path, name: str) -> None:
    setup, words, what = WAITS[name]
    if "files.db" in setup:
        succeed(cache, "index", "files", "--all")
    command = words.format(app=cache.parent / "app.tar").split()
    with waiting(cache, setup.replace("{root!r}", repr(str(cache))), *command) as (line, other):
        holder = rf"process {other.pid} \(python[\d.]*\)"
        assert re.fullmatch(f"cachedb: waiting for {what}, held by {holder}{_LIMIT}", line), line


@pytest.mark.parametrize("option", ["--no-progress", "--quiet"])
def test_a_wait_is_printed_without_progress_too(cache: Path, option: str) -> None:
    setup = WAITS["sweep"][0].replace("{root!r}", repr(str(cache)))
    words = ("import", str(cache.parent / "app.tar"), option)
    with waiting(cache, setup, *words) as (line, _):
        assert line.startswith("cachedb: waiting for the lock of collections")


def test_a_wait_is_a_record_of_the_log_where_one_is_kept(cache: Path) -> None:
    setup = WAITS["names"][0].replace("{root!r}", repr(str(cache)))
    words = ("untag", "app:1", "-v", "--log-format", "json")
    with waiting(cache, setup, *words) as (line, other):
        record = json.loads(line)
        assert record["level"] == "warning"
        assert f"held by process {other.pid} (python" in record["message"]


def test_a_wait_for_the_download_of_another_process_shows_blob_and_process(
    tmp_path: Path,
) -> None:
    cache, part = tmp_path / "cache", f".cachedb/ingest/{LAYER.digest.replace(':', '-')}.part"
    with serving_things({"team/app:1": APP}) as registry:
        succeed(cache, "pull", f"{registry.host}/team/app:1")
        succeed(cache, "clean", "--yes")
        (cache / ".cachedb" / "ingest").mkdir(exist_ok=True)
        setup = holding_file(part, "fcntl.flock(file, fcntl.LOCK_EX)")
        setup = setup.replace("{root!r}", repr(str(cache)))
        name = f"{registry.host}/team/app:1"
        with waiting(cache, setup, "pull", name, "--no-progress") as (line, other):
            expected = rf"process {other.pid} \(python[\d.]*\)"
            assert re.fullmatch(
                f"cachedb: waiting for {LAYER.digest}, held by {expected}", line
            ), line


_SERVER = """
from cachedb.cache import Cache
cache = Cache.open({root!r}, catalog={url!r})
taken = cache.catalog.{take}()
taken.__enter__()
"""


@pytest.mark.parametrize(
    ("take", "what"),
    [("writing", "rows of"), ("locking_names", "names of")],
)
def test_a_wait_in_a_server_shows_process_and_host(
    server: Server, tmp_path: Path, take: str, what: str
) -> None:
    tree = build.layout(tmp_path / "cache", {"app:1": APP})
    url = server.url()
    succeed(tree.path, "ls", "--catalog", url)
    setup = _SERVER.format(root=str(tree.path), url=url, take=take)
    with waiting(tree.path, setup, "tag", "app:1", "app:2", "--catalog", url) as (line, other):
        holder = rf"process {other.pid} \(cachedb\) on \S+"
        assert re.fullmatch(
            rf"cachedb: waiting for the lock of {what} \S+, held by {holder}{_LIMIT}", line
        ), line
