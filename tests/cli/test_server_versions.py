"""cachedb on other versions of PostgreSQL than that of Debian: 16, 17 and 18."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.catalog.enums import SCHEMA_VERSION
from cachedb.layout import fingerprint
from tests import build, postgresql_wheels
from tests.catalog import released_catalogs
from tests.catalog.test_postgresql import prepare
from tests.catalog.test_server_upgrade import store
from tests.cli.conftest import Run, succeed
from tests.cli.test_catalog_option import CHANGES, READING, neutral
from tests.postgresql import Server, serving
from tests.postgresql_wheels import Wheel


@pytest.fixture(scope="module", params=postgresql_wheels.WHEELS, ids=str)
def wheel(request: pytest.FixtureRequest) -> Wheel:
    found: Wheel = request.param
    return found


@pytest.fixture(scope="module")
def other(wheel: Wheel) -> Iterator[Server]:
    """A server of another version."""
    with postgresql_wheels.installed(wheel) as programs, serving(programs=programs) as found:
        yield found


def test_every_version_prepares_every_statement(other: Server) -> None:
    prepare(other)


def test_a_command_answers_the_same_on_every_version(
    run: Run, other: Server, wheel: Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("app.tar").write_bytes(build.archive({"app:1": build.image(labels={"a": "1"})}))
    Path("tool.tar").write_bytes(build.archive({"tool:2": build.image(env=["n=2"])}))
    here, option = (tmp_path / "local", tmp_path / "remote"), ("--catalog", other.url())

    for words in (*CHANGES[:3], *READING, *CHANGES[3:]):
        plain, served = run(here[0], *words.split()), run(here[1], *words.split(), *option)
        assert served.code == plain.code, f"{words}: {served.err}"
        if words != "index files --all":  # it has the size of the tables
            assert neutral(served.out, here[1]) == neutral(plain.out, here[0]), words
            assert neutral(served.err, here[1]) == neutral(plain.err, here[0]), words

    told = succeed(run, here[1], "doctor", *option)
    assert f"PostgreSQL {wheel.version}." in told
    assert "encoding UTF8, collation C.UTF-8" in told


def test_the_oldest_catalog_is_upgraded_on_every_version(
    run: Run, other: Server, populated: build.Tree
) -> None:
    oldest = min(released_catalogs.stored(), key=int)
    url = other.fresh()
    schema = url.rpartition("cache=")[2]
    store(other, schema, oldest)

    assert "app" in succeed(run, populated.path, "ls", "--catalog", url)

    revision = other.psql(f'SELECT version_num FROM "{schema}".alembic_version').strip()
    assert revision == f"{SCHEMA_VERSION:04}"


def test_a_standby_of_every_version_answers_and_refuses_changes(
    run: Run, other: Server, populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprint, "_RACY_NS", 0)  # a catalog that was made just now is in step
    succeed(run, populated.path, "ls", "--catalog", other.url("c"))
    with serving(standby_of=other) as standby:
        url = standby.url("c")
        listed = succeed(run, populated.path, "ls", "--catalog", url)
        refused = run(populated.path, "tag", "app:1", "other:2", "--catalog", url)

    assert "app" in listed
    assert refused.code == 9
    assert "the server is a read-only standby" in refused.err
