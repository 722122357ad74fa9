"""Catalogs in a server behind a pooler, and for roles with few rights; what doctor tells of it."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from benchmarks import layouts
from cachedb.cache import Cache
from cachedb.catalog.enums import SCHEMA_VERSION
from cachedb.catalog.user_state import collector
from cachedb.errors import StorageFailed
from cachedb.fleet import Fleet
from cachedb.oci import Digest
from cachedb.operations.check.findings import Code
from cachedb.operations.transfer.publish import leasing
from tests import build
from tests.postgresql import Server
from tests.programs import require

_POOLER = """\
[databases]
postgres = host={server} dbname=postgres user=postgres
[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = 2
logfile = {folder}/log
pidfile = {folder}/pid
"""


@pytest.fixture(scope="module")
def pooled(server: Server) -> Iterator[str]:
    """The URL of the server through pgbouncer, which shares two connections by transactions."""
    require("pgbouncer")
    folder = Path(f"{server.folder}-pool")
    folder.mkdir()
    (folder / "ini").write_text(_POOLER.format(server=server.folder, folder=folder))
    command = ["pgbouncer", str(folder / "ini")]
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        command = [
            "setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command,
        ]  # fmt: skip
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    socket = folder / ".s.PGSQL.6432"
    give_up = time.monotonic() + 60
    while not socket.exists() and time.monotonic() < give_up:
        assert running.poll() is None, (folder / "log").read_text()
        time.sleep(0.05)
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={folder}&port=6432"
    finally:
        running.terminate()
        running.wait()
        shutil.rmtree(folder)


def test_a_pooler_may_give_every_transaction_another_connection(
    pooled: str, tree: build.Tree, tmp_path: Path
) -> None:
    names = [f"app{number}:1" for number in range(6)]
    for number, name in enumerate(names):
        (tmp_path / f"{number}.tar").write_bytes(
            build.archive({name: build.image(build.layer({"n": str(number)}))})
        )
    with Cache.open(tree.path, catalog=pooled) as cache:
        assert cache.list() == []

    def work(number: int) -> list[str | None]:
        with Cache.open(tree.path, catalog=pooled) as cache:
            cache.import_(tmp_path / f"{number}.tar")
            cache.index_files()
            assert cache.query("refs name:app*")
            return [each.name for each in cache.list()]

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))

    with Cache.open(tree.path, catalog=pooled) as cache:
        assert sorted(str(each.name) for each in cache.list()) == names
        cache.remove(cache.plan_removal(names[:3]))
        assert len(cache.collect(cache.plan_collection(grace=0)).removed) == 9
        assert sorted(str(each.name) for each in cache.list()) == names[3:]


def as_role(server: Server, role: str, schema: str) -> str:
    return server.url(schema).replace("postgres@", f"{role}@")


@pytest.fixture
def roles(server: Server) -> Iterator[None]:
    """The roles of docs/how-to/share-a-catalog.md: two hosts, and a reader of both."""
    for host in ("one", "two"):
        server.psql(
            f"CREATE ROLE {host} LOGIN; CREATE SCHEMA {host} AUTHORIZATION {host};"
            f'CREATE SCHEMA "{host}.files" AUTHORIZATION {host}'
        )
    server.psql("CREATE ROLE reader LOGIN")
    for host in ("one", "two"):
        server.psql(
            f'GRANT USAGE ON SCHEMA {host}, "{host}.files" TO reader;'
            f'ALTER DEFAULT PRIVILEGES FOR ROLE {host} IN SCHEMA {host}, "{host}.files"'
            " GRANT SELECT ON TABLES TO reader"
        )
    yield
    server.psql("DROP OWNED BY one CASCADE; DROP OWNED BY two CASCADE; DROP OWNED BY reader")
    server.psql("DROP ROLE one; DROP ROLE two; DROP ROLE reader")


@pytest.mark.usefixtures("roles")
def test_a_host_writes_its_own_schema_only(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cachedb.layout.fingerprint._RACY_NS", 0)
    one = build.layout(tmp_path / "one", {"app:1": build.image()})
    two = build.layout(tmp_path / "two", {"tool:2": build.image(env=["n=2"])})
    Cache.open(one.path, catalog=as_role(server, "one", "one")).close()
    Cache.open(two.path, catalog=as_role(server, "two", "two")).close()

    with pytest.raises(StorageFailed, match="permission denied for"):
        Cache.open(one.path, catalog=as_role(server, "two", "one"))
    with pytest.raises(StorageFailed, match="permission denied for database"):
        Cache.open(two.path, catalog=as_role(server, "two", "three"))
    with Cache.open(one.path, catalog=as_role(server, "reader", "one")) as cache:
        assert [each.name for each in cache.list()] == ["app:1"]
        with pytest.raises(StorageFailed, match="permission denied for"):
            cache.verify()
        assert [each.name for each in cache.list()] == ["app:1"]


@pytest.mark.usefixtures("roles")
def test_a_rebuild_keeps_the_rights_of_readers(
    server: Server, tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cachedb.layout.fingerprint._RACY_NS", 0)
    tree.add(build.image(), "app:1")
    own, read = as_role(server, "one", "one"), as_role(server, "reader", "one")
    server.psql("GRANT CREATE ON DATABASE postgres TO one")
    Cache.open(tree.path, catalog=own).close()
    server.psql(
        'CREATE ROLE "Late Reader" LOGIN; GRANT SELECT ON one.alembic_version TO PUBLIC;'
        'GRANT USAGE ON SCHEMA one TO "Late Reader" WITH GRANT OPTION'
    )
    before = rights(server, "one")

    for _ in range(2):
        Cache.rebuild(tree.path, catalog=own)

        assert rights(server, "one") == before
        with Cache.open(tree.path, catalog=read) as cache:
            assert [each.name for each in cache.list()] == ["app:1"]
            assert cache.query("files").rows == ()
        with Fleet.open(read) as fleet:
            assert [member.cache for member in fleet.members()] == ["one"]
    server.psql('DROP OWNED BY "Late Reader"; DROP ROLE "Late Reader"')


def rights(server: Server, schema: str) -> list[str]:
    """Return the rights of every role on a schema, its tables, and those that it will have."""
    place = f"(SELECT oid FROM pg_namespace WHERE nspname = '{schema}')"
    return server.psql(
        f"SELECT 'schema', nspacl::TEXT FROM pg_namespace WHERE oid = {place} UNION ALL"
        f" SELECT relname, relacl::TEXT FROM pg_class WHERE relnamespace = {place}"
        "  AND relkind = 'r' UNION ALL"
        f" SELECT 'future', defaclacl::TEXT FROM pg_default_acl WHERE defaclnamespace = {place}"
        " ORDER BY 1"
    ).splitlines()


@pytest.mark.usefixtures("roles")
def test_an_index_of_files_of_another_version_keeps_the_rights_of_readers(
    server: Server, tree: build.Tree
) -> None:
    tree.add(build.image(), "app:1")
    own = as_role(server, "one", "one")
    Cache.open(tree.path, catalog=own).close()
    server.psql('CREATE ROLE late LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA "one.files" TO late')
    before = rights(server, "one.files")
    server.psql("COMMENT ON SCHEMA \"one.files\" IS 'cachedb index of files, version 1'")

    Cache.open(tree.path, catalog=own).close()

    assert rights(server, "one.files") == before
    assert "late=r/one" in before[-1]
    server.psql("DROP OWNED BY late; DROP ROLE late")


def test_doctor_describes_server_database_and_schema(server: Server, tree: build.Tree) -> None:
    tree.add(build.image(), "app:1")
    url = server.fresh()
    Cache.open(tree.path, catalog=url).close()

    (remark,) = (e for e in Cache.examine(tree.path, catalog=url) if e.code is Code.CATALOG_SERVER)

    assert remark.detail.startswith("PostgreSQL ")
    assert "encoding UTF8, collation C.UTF-8" in remark.detail
    assert f"schema {SCHEMA_VERSION:04}" in remark.detail


def test_doctor_reports_an_index_that_is_missing(server: Server, tree: build.Tree) -> None:
    tree.add(build.image(), "app:1")
    url = server.fresh()
    Cache.open(tree.path, catalog=url).close()
    schema = url.rpartition("cache=")[2]
    server.psql(f'DROP INDEX "{schema}".ix_blob_digest')

    details = [each.detail for each in Cache.examine(tree.path, catalog=url)]
    assert "the index ix_blob_digest is missing" in details
    Cache.rebuild(tree.path, catalog=url)
    details = [each.detail for each in Cache.examine(tree.path, catalog=url)]
    assert "the index ix_blob_digest is missing" not in details


_MEASURED = (
    "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
    " WHERE nspname = '{}' AND relname IN ('blob', 'edge', 'link', 'ref') AND reltuples >= 0"
)
"""Tables with statistics: without VACUUM and ANALYZE, their number of rows is -1."""


def test_the_server_has_statistics_of_many_rows_when_they_are_committed(
    server: Server, tmp_path: Path
) -> None:
    """Without them, `top 10 by -size` of 50 000 names takes more than 100 s instead of 6 s."""
    database = server.make_database()
    # 145 images are 1 029 blobs; a name is a row, and 145 are too few to be measured.
    path = layouts.Made(tmp_path).of(145)
    with Cache.open(path) as cache:
        cache.join_fleet(server.url("copy", database))
    assert set(server.psql(_MEASURED.format("copy"), database).split()) == {"blob", "edge", "link"}

    Cache.open(path, catalog=server.url("own", database)).close()
    assert set(server.psql(_MEASURED.format("own"), database).split()) == {"blob", "edge", "link"}


def remarks(tree: build.Tree, url: str) -> list[str]:
    """Return what doctor tells of the server."""
    found = Cache.examine(tree.path, catalog=url)
    return [each.detail for each in found if each.code is Code.CATALOG_SERVER]


def test_doctor_prints_the_last_collection_and_one_that_runs(
    server: Server, tree: build.Tree
) -> None:
    tree.add(build.image(), "app:1")
    tree.put(build.layer({"orphan": ""}))
    url = server.fresh()
    with Cache.open(tree.path, catalog=url) as cache:
        assert not any("collection" in each for each in remarks(tree, url))
        cache.collect(cache.plan_collection(grace=0))
        assert "collection 1 has ended; none is running" in remarks(tree, url)
        with cache.catalog.collecting():
            (running,) = (each for each in remarks(tree, url) if "collection" in each)

    process = f"process {os.getpid()} on the host '{os.uname().nodename}'"
    assert re.fullmatch(rf"collection 2 of {process}, last heartbeat \d+ s ago", running)


def test_a_collection_that_loses_its_connection_at_the_end_is_ended_on_another_one(
    server: Server, tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, lost = collector.release, []

    def losing(connection: Any, generation: int) -> None:
        if not lost:
            lost.append(connection.driver.info.backend_pid)
            server.psql(f"SELECT pg_terminate_backend({lost[0]}, 60000)")
        release(connection, generation)

    monkeypatch.setattr(collector, "release", losing)
    with Cache.open(tree.path, catalog=server.fresh()) as cache:
        with cache.catalog.collecting():
            pass
        with cache.catalog.reading() as connection:
            row = collector.CollectorRow.read(connection)
    assert lost
    assert row is not None
    assert row.expires == 0


def test_a_heartbeat_that_is_late_does_not_revive_a_collection_that_has_ended(
    server: Server, tree: build.Tree
) -> None:
    with (
        Cache.open(tree.path, catalog=server.fresh()) as cache,
        cache.catalog.writing() as connection,
    ):
        row = collector.take(connection, connection.shared_now() or 0)
        collector.release(connection, row.generation)
        collector.prolong(connection, row.generation, connection.shared_now() or 0)
        late = collector.CollectorRow.read(connection)
        assert late is not None
        assert late.expires == 0
        assert collector.take(connection, connection.shared_now() or 0).generation > row.generation


def test_doctor_lists_leases_and_hosts_that_have_died(server: Server, tree: build.Tree) -> None:
    tree.add(build.image(), "app:1")
    url = server.fresh()
    schema = url.rpartition("cache=")[2]
    with (
        Cache.open(tree.path, catalog=url) as cache,
        leasing(cache.layout, cache.catalog) as lease,
    ):
        lease.hold([Digest(build.image().digest)])
        (held,) = (each for each in remarks(tree, url) if "lease" in each)
        server.psql(f"UPDATE \"{schema}\".lease SET expires = 1, host = 'far boot 1 7 99'")
        (dead,) = (each for each in remarks(tree, url) if "lease" in each)
    server.psql(
        f"INSERT INTO \"{schema}\".state (key, value) VALUES ('collector', '4 9 far boot 1 7 99')"
    )
    (died,) = (each for each in remarks(tree, url) if "collection" in each)

    process = f"process {os.getpid()} on .*"
    assert re.fullmatch(rf"lease \w+ of {process}, last heartbeat \d+ s ago", held)
    assert "of process 7 on the host 'far', last heartbeat" in dead
    assert dead.endswith("it has died, and the next collection removes the lease")
    assert died.startswith("collection 4 of process 7 on the host 'far', last heartbeat")
    assert died.endswith("it has died, and the next one replaces it")


def test_doctor_tells_of_dead_rows_that_vacuum_has_not_removed(
    server: Server, tree: build.Tree
) -> None:
    tree.add(build.image(), "app:1")
    url = server.fresh()
    Cache.open(tree.path, catalog=url).close()
    schema = url.rpartition("cache=")[2]
    assert not any("dead rows" in each for each in remarks(tree, url))
    server.psql(
        f'ALTER TABLE "{schema}".state SET (autovacuum_enabled = off);'
        f"INSERT INTO \"{schema}\".state SELECT number::TEXT, 'x' FROM generate_series(1, 20000)"
        " AS number;"
        f"DELETE FROM \"{schema}\".state WHERE value = 'x'; SELECT pg_stat_force_next_flush()"
    )

    give_up = time.monotonic() + 60
    while not any("dead rows" in each for each in remarks(tree, url)):
        assert time.monotonic() < give_up
        time.sleep(0.2)

    server.psql(f'VACUUM "{schema}".state')
    give_up = time.monotonic() + 60
    while any("dead rows" in each for each in remarks(tree, url)):
        assert time.monotonic() < give_up
        time.sleep(0.2)
