"""A server that is killed and started again, or replaced by a standby, in any operation."""

import time
from collections.abc import Iterator

import pytest

from cachedb.layout import fingerprint
from tests import build
from tests.cli.conftest import Run, succeed
from tests.cli.conftest import run as run  # noqa: PLC0414  (a fixture)
from tests.conftest import Checked
from tests.hosts import farm as farms
from tests.hosts import proxy as proxies
from tests.hosts.farm import CACHE, Farm
from tests.hosts.proxy import Fault, Kind
from tests.hosts.test_faults import OPERATIONS as EVERY_OPERATION
from tests.postgresql import Server, serving

OPERATIONS = ("pull", "import", "gc")
_PATIENCE = 60


@pytest.fixture
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """A farm with a server of its own, which is stopped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fingerprint, "_RACY_NS", 0)
        with serving() as server, farms.opened(server, tmp_path_factory.mktemp("farm")) as opened:
            yield opened


def restart(farm: Farm, name: str, messages: range) -> dict[int, list[str]]:
    """Kill the server at some messages of an operation, and start it again.

    Returns what is wrong after each of those messages that were sent.
    """

    def meanwhile() -> None:
        farm.server.stop()
        farm.server.start()

    operation = farm.operations[name]
    found = {at: farm.check(operation, Fault(Kind.HELD, at), meanwhile) for at in messages}
    return {at: problems for at, problems in found.items() if problems is not None}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_whose_server_is_killed_and_started_again_loses_nothing(
    farm: Farm, name: str
) -> None:
    count = farm.messages(farm.operations[name])
    # An operation that sends heartbeats sends fewer messages the faster it is.
    for at in (2 * count // 3, count // 3):
        found = restart(farm, name, range(at, at + 1))
        if found:
            break
    assert found == {at: []}


@pytest.mark.campaign
@pytest.mark.parametrize("name", EVERY_OPERATION)
def test_an_operation_whose_server_is_killed_at_any_tenth_message_loses_nothing(
    farm: Farm, checked: Checked, name: str
) -> None:
    found = restart(farm, name, range(1, farm.messages(farm.operations[name]), 10))
    problems = {at: each for at, each in found.items() if each}
    checked.count("server restarted", len(found), len(problems))
    assert problems == {}


def has_caught_up(primary: Server, standby: Server) -> bool:
    written = primary.psql("SELECT pg_current_wal_lsn()").strip()
    return standby.psql(f"SELECT pg_last_wal_replay_lsn() >= '{written}'").strip() == "t"


def either(database: str, *ports: int) -> str:
    """Return the URL of whichever server can be written."""
    hosts = ",".join("127.0.0.1" for _ in ports)
    return (
        f"postgresql+psycopg://postgres@/{database}?cache={CACHE}&host={hosts}"
        f"&port={','.join(map(str, ports))}&target_session_attrs=read-write"
        "&sslmode=disable&gssencmode=disable"
    )


def fail_over(farm: Farm, name: str, part: float) -> list[str]:
    """Kill the primary after a part of an operation, and promote its standby.

    A busy machine may send fewer messages than it did before: then it is an earlier one.
    """
    last = int(farm.messages(farm.operations[name]) * part)
    for at in range(last, 0, -1):
        found = _fail_over_at(farm, name, at)
        if found is not None:
            return found
    raise AssertionError(f"none of {last} messages was sent")


def _fail_over_at(farm: Farm, name: str, at: int) -> list[str] | None:
    operation, primary = farm.operations[name], farm.server
    farm.restore(operation)
    with (
        serving(standby_of=primary) as standby,
        proxies.running(standby.folder / ".s.PGSQL.5432") as second,
    ):
        give_up = time.monotonic() + _PATIENCE
        while not has_caught_up(primary, standby):
            assert time.monotonic() < give_up
            time.sleep(0.1)

        def meanwhile() -> None:
            primary.stop()
            standby.promote()

        url = either(farm.database, farm.proxy.port, second.port)
        return farm.meet(operation, Fault(Kind.HELD, at), meanwhile, url=url, others=url)


def test_a_cache_goes_on_with_a_standby_that_is_promoted_during_an_import(farm: Farm) -> None:
    assert fail_over(farm, "import", 0.7) == []


@pytest.mark.campaign
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_cache_goes_on_with_a_standby_that_is_promoted_at_any_time(
    farm: Farm, checked: Checked, name: str, part: float
) -> None:
    problems = fail_over(farm, name, part)
    checked.count("standby promoted", 1, bool(problems))
    assert problems == []


READING = (
    "ls", "show app:1", "tree app:1", "find-root app:1", "du", "validate", "why app:1", "log",
    "query refs show name,size", "report --format json", "history app:1", "inspect app:1",
    "files app:1", "gc --dry-run", "rm --dry-run app:1", "doctor",
)  # fmt: skip
WRITING = (
    "tag app:1 other:2", "rm app:1", "untag app:1", "pin app:1", "gc --grace 0", "clean --yes",
    "import NEW", "index files --all", "prune --yes --all --drop name:app",
)  # fmt: skip


def test_every_reading_command_works_on_a_standby_and_every_writing_one_is_refused(
    run: Run,
    tree: build.Tree,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    monkeypatch.setattr(fingerprint, "_RACY_NS", 0)
    tree.add(build.image(build.layer({"app": "1"})), "app:1")
    tree.put(build.layer({"orphan": ""}))
    archive = tmp_path_factory.mktemp("archive") / "new.tar"
    archive.write_bytes(build.archive({"new:3": build.image(env=["new=3"])}))
    with serving() as primary:
        succeed(run, tree.path, "ls", "--catalog", primary.url(CACHE))
        with serving(standby_of=primary) as standby:
            option = ("--catalog", standby.url(CACHE))
            for words in READING:
                done = run(tree.path, *words.split(), *option)
                assert done.code == 0, f"{words}: {done.err}"
            before = tree.blobs(), (tree.path / "index.json").read_bytes()
            for words in WRITING:
                done = run(tree.path, *words.replace("NEW", str(archive)).split(), *option)
                assert done.code == 9, f"{words}: {done.code} {done.err}"
                lines = [line for line in done.err.splitlines() if line.startswith("cachedb: ")]
                assert len(lines) == 1, f"{words}: {done.err}"
                assert "the server is a read-only standby" in lines[0], words
            assert (tree.blobs(), (tree.path / "index.json").read_bytes()) == before
