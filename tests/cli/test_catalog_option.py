"""Commands on a cache whose catalog is in a PostgreSQL server: --catalog."""

import json
import re
import shutil
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest

from cachedb import linuxkit
from cachedb.cache import Cache
from cachedb.catalog.enums import SCHEMA_VERSION
from cachedb.errors import CacheError
from cachedb.fleet import Fleet
from cachedb.layout import fingerprint
from tests import build
from tests.cli.conftest import Run, succeed
from tests.cli.registry import serving_things
from tests.postgresql import Server, serving

CATALOG = "CACHEDB_CATALOG"
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T][\d:.]+(Z|\+00:00)?")
PASSWORD = "geheim"


@pytest.fixture(autouse=True)
def _no_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CATALOG, raising=False)


def schemas(server: Server) -> set[str]:
    return set(server.psql("SELECT nspname FROM pg_namespace").split())


def snapshot(root: Path) -> dict[str, bytes]:
    """Return every file of a layout outside of `.cachedb`, and the identifier."""
    files = {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    return {
        name: content
        for name, content in files.items()
        if not name.startswith(".cachedb/") or name.endswith("cache-id")
    }


def neutral(text: str, root: Path) -> str:
    """Return output without what differs by nature: the directory, and times."""
    return _TIME.sub("TIME", text).replace(str(root), "ROOT")


# -- the same answers ------------------------------------------------------------------------

READING = [
    "ls", "ls --format json", "ls -q name:app", "show app:1", "show app:1 --format json",
    "history app:1", "tree app:1", "find-root app:1", "du", "du --tree",
    "du --group-by repo --format json", "validate", "validate --deep", "verify",
    "report --format json", "check --example", "sbom app:1 --format json",
    "query refs show name,size,state sort -size", "query refs group arch",
    "query blobs kind:layer show digest,size sort size", "query links show parent,child,role",
    "query packages", "inspect app:1", "waste app:1", "files app:1", "index status",
    "diff app:1 tool:2", "gc --dry-run --grace 0", "rm --dry-run app:1", "clean --dry-run",
    "gc --dry-run --explain --grace 0 --format json",
    "prune --dry-run --keep-last 1 --max-size 1", "log", "cat app:1 app",
    "ls --where 'size gt 1K'", "no-such-command", "show no:such", "query refs size",
]  # fmt: skip


@pytest.fixture(scope="module")
def on_both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two layouts with the same content, one for each catalog."""
    base = build.layer({"bin/sh": "#!base"})
    index = build.index(
        build.image(base, build.layer({"app": "amd64"}), labels={"team": "red"}, env=["A=1"]),
        build.image(base, build.layer({"app": "arm64"}), arch="arm64", variant="v8"),
    )
    tool = build.image(base, build.layer({"tool": "1"}), labels={"team": "blue"})
    paths = []
    for name in ("sqlite", "server"):
        made = build.layout(
            tmp_path_factory.mktemp(name) / "cache", {"example.com/app:1": index, "tool:2": tool}
        )
        made.put(build.layer({"orphan": ""}))
        paths.append(made.path)
    return paths[0], paths[1]


@pytest.mark.parametrize("words", READING)
def test_a_command_answers_the_same_on_both_catalogs(
    run: Run, server: Server, on_both: tuple[Path, Path], words: str
) -> None:
    local, remote = on_both

    plain = run(local, *words.split())
    served = run(remote, *words.split(), "--catalog", server.url())

    assert (served.code, neutral(served.out, remote)) == (plain.code, neutral(plain.out, local))
    assert neutral(served.err, remote) == neutral(plain.err, local)
    assert not (remote / ".cachedb" / "index.db").exists()


CHANGES = (
    "import app.tar tool.tar", "tag app:1 other:3", "pin other:3", "rm app:1 other:3",
    "untag tool:2", "gc --grace 0", "unpin other:3", "index files --all",
    "prune --yes --keep-last 1",
    "rm other:3", "clean --yes",
)  # fmt: skip


def test_changes_of_a_cache_are_the_same_on_both_catalogs(
    run: Run, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("app.tar").write_bytes(build.archive({"app:1": build.image(labels={"a": "1"})}))
    Path("tool.tar").write_bytes(build.archive({"tool:2": build.image(env=["n=2"])}))
    left = []
    for words in CHANGES:
        found = []
        for name, option in (("local", []), ("remote", ["--catalog", server.url()])):
            done = run(tmp_path / name, *words.split(), *option)
            names = json.loads((tmp_path / name / "index.json").read_text())
            blobs = sorted(path.name for path in (tmp_path / name / "blobs").rglob("*"))
            told = neutral(done.err, tmp_path / name)
            if words.startswith("index"):
                told = ""  # it has the size of the tables
            out = neutral(done.out, tmp_path / name)
            found.append((done.code, out, told, names, blobs))
        left.append(found)
        assert found[0] == found[1], words
    assert len(left[-1][0][4]) < len(left[0][0][4])


def test_the_cache_of_linuxkit_reads_a_catalog_on_a_server(
    server: Server, populated: build.Tree
) -> None:
    names = linuxkit.list_images(populated.path, catalog=server.url())

    assert names == linuxkit.list_images(populated.path)
    with linuxkit.Provider(populated.path, catalog=server.url()) as provider:
        assert provider.list() == names
        assert provider.find_root("example.com/app:1").descriptor.digest


# -- which catalog ----------------------------------------------------------------------------


def test_the_identifier_of_a_layout_names_its_schema(
    run: Run, server: Server, populated: build.Tree
) -> None:
    succeed(run, populated.path, "ls", "--catalog", server.url())

    identifier = (populated.path / ".cachedb" / "cache-id").read_text().strip()
    assert str(UUID(identifier)) == identifier
    assert identifier in schemas(server)


def test_the_url_can_name_the_schema(run: Run, server: Server, populated: build.Tree) -> None:
    url = server.fresh()
    succeed(run, populated.path, "ls", "--catalog", url)

    assert url.rpartition("cache=")[2] in schemas(server)


def test_the_catalog_is_chosen_by_variable_and_configuration_file(
    run: Run,
    server: Server,
    populated: build.Tree,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = server.fresh(), server.fresh()
    monkeypatch.setenv(CATALOG, one)
    succeed(run, populated.path, "ls")
    monkeypatch.delenv(CATALOG)
    monkeypatch.setenv("CACHEDB_CONFIG_FILE", str(tmp_path / "config.toml"))
    succeed(run, populated.path, "config", "set", "catalog", other)
    succeed(run, populated.path, "ls")

    assert {url.rpartition("cache=")[2] for url in (one, other)} <= schemas(server)
    assert not (populated.path / ".cachedb" / "index.db").exists()


def test_two_caches_of_one_name_are_told_apart(run: Run, server: Server, tmp_path: Path) -> None:
    url = server.fresh()
    first = build.layout(tmp_path / "first", {"app:1": build.image()}).path
    second = build.layout(tmp_path / "second", {"tool:2": build.image(env=["n=2"])}).path
    succeed(run, first, "ls", "--catalog", url)
    before = snapshot(first)

    refused = run(second, "ls", "--catalog", url)

    name = url.rpartition("cache=")[2]
    assert refused.code == 2
    assert refused.err.splitlines() == [
        f"cachedb: the catalog {name!r} in the server is that of another cache",
        "hint: choose another name: ?cache=NAME; or take it over: cachedb doctor --attach",
    ]
    assert run(second, "doctor", "--rebuild", "--catalog", url).code == 2
    assert "app:1" in succeed(run, first, "ls", "--catalog", url)
    assert snapshot(first) == before


def test_a_copied_layout_is_refused_until_it_has_a_catalog_of_its_own(
    run: Run, server: Server, populated: build.Tree, tmp_path: Path
) -> None:
    url = server.url()
    succeed(run, populated.path, "ls", "--catalog", url)
    copy = tmp_path / "copy"
    shutil.copytree(populated.path, copy)
    before = snapshot(copy)

    refused = run(copy, "rm", "example.com/app:1", "--catalog", url)

    assert refused.code == 2
    assert refused.err.startswith("cachedb: this cache is a copy of one whose catalog is in")
    assert snapshot(copy) == before
    assert "its own" in run(copy, "doctor", "--new-catalog", "--catalog", url).err
    succeed(run, copy, "rm", "example.com/app:1", "--catalog", url)
    assert "app:1" in succeed(run, populated.path, "ls", "--catalog", url)
    assert "app:1" not in succeed(run, copy, "ls", "--catalog", url)


def test_a_copied_layout_asks_at_a_terminal(
    run: Run,
    server: Server,
    populated: build.Tree,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal:
        answer = "n"

        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return f"{self.answer}\n"

    terminal = Terminal()
    url = server.url()
    succeed(run, populated.path, "ls", "--catalog", url)
    copy = tmp_path / "copy"
    shutil.copytree(populated.path, copy)
    monkeypatch.setattr("sys.stdin", terminal)

    declined = run(copy, "ls", "--catalog", url)
    terminal.answer = "y"
    answered = run(copy, "ls", "--catalog", url)

    assert declined.code == 10
    assert "give this copy a catalog of its own? [y/N]" in answered.err
    assert "app:1" in answered.out


def test_a_moved_layout_finds_its_catalog(
    run: Run, server: Server, populated: build.Tree, tmp_path: Path
) -> None:
    succeed(run, populated.path, "ls", "--catalog", server.url())
    before = schemas(server)
    populated.path.rename(tmp_path / "moved")

    assert "app:1" in succeed(run, tmp_path / "moved", "ls", "--catalog", server.url())
    assert schemas(server) == before


def test_a_layout_that_lost_its_identifier_asks_for_its_catalog(
    run: Run, server: Server, tmp_path: Path
) -> None:
    tree = build.layout(tmp_path / "lost", {"lost.example/app:7": build.image(env=["lost=1"])})
    succeed(run, tree.path, "pin", "lost.example/app:7", "--catalog", server.url())
    identifier = (tree.path / ".cachedb" / "cache-id").read_text().strip()
    shutil.rmtree(tree.path / ".cachedb")

    refused = run(tree.path, "ls", "--catalog", server.url())
    attached = run(
        tree.path, "doctor", "--attach", "--catalog", f"{server.url()}&cache={identifier}"
    )

    assert refused.code == 2
    assert refused.err.splitlines()[0] == (
        f"cachedb: the server has a catalog of these files, {identifier!r}"
    )
    assert attached.err.splitlines()[0] == f"attached the catalog {identifier}"
    assert "lost.example/app:7" in succeed(run, tree.path, "ls", "--catalog", server.url())
    assert (tree.path / ".cachedb" / "cache-id").read_text().strip() == identifier


def test_a_restored_layout_takes_its_catalog_back(
    run: Run, server: Server, populated: build.Tree, tmp_path: Path
) -> None:
    url = server.url()
    succeed(run, populated.path, "ls", "--catalog", url)
    shutil.copytree(populated.path, tmp_path / "restored")
    shutil.rmtree(populated.path)

    succeed(run, tmp_path / "restored", "doctor", "--attach", "--catalog", url)

    assert "app:1" in succeed(run, tmp_path / "restored", "ls", "--catalog", url)


def test_a_damaged_identifier_is_reported(run: Run, server: Server, populated: build.Tree) -> None:
    succeed(run, populated.path, "ls", "--catalog", server.url())
    (populated.path / ".cachedb" / "cache-id").write_text("nonsense\n")

    done = run(populated.path, "ls", "--catalog", server.url())

    assert done.code == 4
    assert "is not an identifier" in done.err
    assert "--attach" in done.err


def test_a_rebuild_replaces_the_catalog_and_keeps_pins(
    run: Run, server: Server, populated: build.Tree
) -> None:
    url = server.fresh()
    succeed(run, populated.path, "pin", "example.com/app:1", "--catalog", url)
    name = url.rpartition("cache=")[2]
    server.psql(f'DELETE FROM "{name}".link')
    assert "catalog-wrong" in run(populated.path, "doctor", "--catalog", url).out

    done = run(populated.path, "doctor", "--rebuild", "--catalog", url)

    assert "rebuilt the catalog" in done.err
    assert "catalog-wrong" not in done.out
    assert "example.com/app:1" in succeed(
        run, populated.path, "ls", "is:pinned", "--format", "{name}", "--catalog", url
    )
    assert {name, f"{name}.bak"} <= schemas(server)
    assert f"{name}.new" not in schemas(server)


def test_names_are_restored_from_the_catalog_in_a_server(
    run: Run, server: Server, populated: build.Tree
) -> None:
    url = server.fresh()
    succeed(run, populated.path, "ls", "--catalog", url)
    (populated.path / "index.json").write_text('{"manifests": [')

    done = run(populated.path, "doctor", "--restore-names", "--catalog", url)

    assert done.err.startswith("restored 2 names")
    assert "app:1" in succeed(run, populated.path, "ls", "--catalog", url)


def test_names_in_a_server_are_completed(
    run: Run, server: Server, populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url()
    succeed(run, populated.path, "ls", "--catalog", url)
    monkeypatch.setenv("_CACHEDB_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "cachedb\nshow\nexam")
    monkeypatch.setenv("COMP_CWORD", "2")
    monkeypatch.setenv(CATALOG, url)

    assert run(populated.path).out.split() == ["example.com/app:1"]
    monkeypatch.setenv(CATALOG, "postgresql://127.0.0.1:1/none")
    assert run(populated.path).out.split() == []


# -- bad input --------------------------------------------------------------------------------

_DOWN = f"postgresql+psycopg://user:{PASSWORD}@127.0.0.1:1/none"


@pytest.mark.parametrize(
    ("url", "code", "message"),
    [
        (_DOWN, 9, "port 1 failed: Connection refused"),
        ("mysql://host/db", 2, "the catalog is not a PostgreSQL URL"),
        ("postgresql+psycopg://user:ge/heim@host/db", 2, "the catalog is not a PostgreSQL URL"),
        ("postgresql+psycopg://user:12/heim@host/db", 2, "the catalog is not a PostgreSQL URL"),
        ("postgresql+psycopg://user:12#heim@host/db", 2, "the catalog is not a PostgreSQL URL"),
        ("postgresql+psycopg://user:12?heim@host/db", 2, "the catalog is not a PostgreSQL URL"),
        ("postgresql+psycopg://user:ge%heim@host/db", 2, "libpq cannot parse the URL"),
        ("postgresql+psycopg://h/db?passwort=geheim", 2, "does not know a parameter of it"),
        ("postgresql+psycopg://h/db?cache=Not+One", 2, "the name of a cache is lower case"),
        ("postgresql+psycopg://h/db?cache=x.bak", 2, "the name of a cache is lower case"),
        ("postgresql+psycopg://127.0.0.1:1/db?sslmode=often", 9, 'invalid sslmode value: "often"'),
        ("postgresql+psycopg:///?service=no_service", 9, 'service "no_service" not found'),
    ],
)  # fmt: skip
def test_an_unusable_url_is_one_line_without_password_and_changes_no_file(
    run: Run, populated: build.Tree, url: str, code: int, message: str
) -> None:
    before = snapshot(populated.path)
    words = ("-vv", "rm", "example.com/app:1", "--catalog", url)

    done = run(populated.path, *words)
    as_json = run(populated.path, *words, "--error-format", "json")

    assert done.code == code
    (line,) = (line for line in done.err.splitlines() if line.startswith("cachedb: "))
    assert message in line
    assert "heim" not in done.err + done.out + as_json.err
    assert json.loads(as_json.err.splitlines()[-1])["exit_code"] == code
    assert snapshot(populated.path) == before | {
        name: content
        for name, content in snapshot(populated.path).items()
        if name.endswith("cache-id")
    }


@pytest.mark.parametrize(
    "url",
    [
        _DOWN,
        f"postgresql+psycopg://user@127.0.0.1:1/none?password={PASSWORD}",
        f"postgresql+psycopg://user:{PASSWORD}@127.0.0.1:1/db?sslmode=often",
        f"postgresql+psycopg://user:{PASSWORD}@127.0.0.1:1/db?passwort={PASSWORD}",
        f"postgresql+psycopg://user:{PASSWORD}%@127.0.0.1:1/db",
        f"postgresql+psycopg://user:1/{PASSWORD}@127.0.0.1:1/db",
        f"postgresql+psycopg://user:{PASSWORD}@127.0.0.1:1/db?cache=Not+One",
        f"mysql://user:{PASSWORD}@127.0.0.1/db",
    ],
)
def test_an_error_of_the_api_and_its_traceback_have_no_password(
    populated: build.Tree, url: str
) -> None:
    def list_fleet() -> None:
        with Fleet.open(url) as fleet:
            fleet.members()

    openings = (
        lambda: Cache.open(populated.path, catalog=url),
        list_fleet,
        lambda: linuxkit.list_images(populated.path, catalog=url),
    )
    for opening in openings:
        with pytest.raises(CacheError) as caught:
            opening()
        chain = traceback.format_exception(caught.value)
        assert len(chain) > 2
        assert PASSWORD not in "".join([*chain, repr(caught.value), repr(vars(caught.value))])


@pytest.mark.parametrize("options", ["-v", "-vv", "-v --log-format json", "-vv --log-format json"])
def test_logs_of_a_server_have_no_password(
    run: Run, guarded: Server, populated: build.Tree, options: str
) -> None:
    url = f"postgresql+psycopg://farm:{PASSWORD}@127.0.0.1:{guarded.port}/farm"
    for catalog, code in ((url, 0), (url.replace("farm:", "other:"), 9), (_DOWN, 9)):
        done = run(populated.path, *options.split(), "ls", "--catalog", catalog)

        assert done.code == code
        assert "127.0.0.1" in done.err
        assert PASSWORD not in done.err + done.out


@pytest.mark.parametrize(
    "words",
    ["log", "policy check POLICY", "policy edit POLICY", "query --save s name:app",
     "query --check", "cache dir", "config list", "sample", "check --example"],
)  # fmt: skip
def test_a_command_on_files_works_without_the_server(
    run: Run, populated: build.Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.toml").write_text("version = 1\nkeep-last = 1\n")

    done = run(populated.path, *words.replace("POLICY", "policy.toml").split(), "--catalog", _DOWN)

    assert (done.code, PASSWORD in done.out + done.err) == (0, False)


def test_an_image_in_a_registry_is_inspected_without_the_server(
    run: Run, populated: build.Tree
) -> None:
    with serving_things({"t/app:1": build.image()}) as registry:
        words = ["inspect", "--remote", f"{registry.host}/t/app:1", "--insecure", registry.host]
        done = run(populated.path, *words, "--catalog", _DOWN)

    assert (done.code, PASSWORD in done.out + done.err) == (0, False)


def test_a_saved_query_is_forgotten_without_the_server(run: Run, populated: build.Tree) -> None:
    for words in (["--save", "s", "name:app"], ["--forget", "s"]):
        assert run(populated.path, "query", *words, "--catalog", _DOWN).code == 0


def test_doctor_examines_files_without_the_server(run: Run, populated: build.Tree) -> None:
    (populated.path / "blobs" / "sha256" / "stray").write_text("")

    done = run(populated.path, "doctor", "--catalog", f"{_DOWN}?cache=c", "--format", "json")

    codes = {each["finding"] for each in json.loads(done.out)}
    assert done.code == 8
    assert "stray" in codes
    assert PASSWORD not in done.out + done.err


def test_settings_are_printed_without_passwords(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        CATALOG, f"postgresql+psycopg://user:{PASSWORD}@host/db?password={PASSWORD}"
    )
    monkeypatch.setenv("CACHEDB_LS_CATALOG", f"nonsense {PASSWORD}")

    for words in (
        ["config", "list"],
        ["config", "get", "catalog"],
        ["config", "list", "--format", "json"],
    ):
        printed = succeed(run, tmp_path, *words)
        assert PASSWORD not in printed
        assert "postgresql+psycopg://user:***@host/db?password=***" in printed


def test_a_new_catalog_needs_a_server(run: Run, populated: build.Tree) -> None:
    for option in ("--attach", "--new-catalog"):
        done = run(populated.path, "doctor", option)
        assert (done.code, done.err.splitlines()[0]) == (
            2,
            f"cachedb: {option} needs --catalog URL",
        )


@pytest.fixture(scope="module")
def guarded() -> Iterator[Server]:
    """A server that asks for passwords at its port."""
    with serving(has_port=True) as found:
        found.psql(f"CREATE ROLE farm LOGIN PASSWORD '{PASSWORD}'")
        found.psql("CREATE DATABASE farm OWNER farm ENCODING 'UTF8' TEMPLATE template0")
        for name, encoding in (("latin", "LATIN1"), ("plain", "SQL_ASCII")):
            found.psql(
                f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
            )
        yield found


def test_a_wrong_password_is_one_line_that_does_not_repeat_it(
    run: Run, guarded: Server, populated: build.Tree
) -> None:
    url = f"postgresql+psycopg://farm:falsch@127.0.0.1:{guarded.port}/farm"

    done = run(populated.path, "-vv", "ls", "--catalog", url)

    assert done.code == 9
    assert 'password authentication failed for user "farm"' in done.err
    assert "falsch" not in done.err


def test_passwords_come_from_the_url_a_password_file_or_a_service(
    run: Run, guarded: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = build.layout(tmp_path / "cache", {"app:1": build.image()})
    place = f"127.0.0.1:{guarded.port}"
    (tmp_path / "pgpass").write_text(f"{place}:farm:farm:{PASSWORD}\n")
    (tmp_path / "pgpass").chmod(0o600)
    (tmp_path / "services").write_text(
        f"[farm]\nhost=127.0.0.1\nport={guarded.port}\ndbname=farm\nuser=farm\npassword={PASSWORD}\n"
    )
    assert "app:1" in succeed(
        run, tree.path, "ls", "--catalog", f"postgresql+psycopg://farm:{PASSWORD}@{place}/farm"
    )
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))
    assert "app:1" in succeed(
        run, tree.path, "ls", "--catalog", f"postgresql+psycopg://farm@{place}/farm"
    )
    monkeypatch.delenv("PGPASSFILE")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    logged = run(tree.path, "-v", "ls", "--catalog", "postgresql+psycopg:///?service=farm")
    assert "app:1" in logged.out
    assert "catalog: service 'farm'" in logged.err
    assert PASSWORD not in logged.err


@pytest.mark.parametrize(("database", "encoding"), [("latin", "LATIN1"), ("plain", "SQL_ASCII")])
def test_a_database_of_another_encoding_is_refused(
    run: Run, guarded: Server, populated: build.Tree, database: str, encoding: str
) -> None:
    before = snapshot(populated.path)

    done = run(populated.path, "rm", "example.com/app:1", "--catalog", guarded.url("c", database))

    assert done.code == 4
    assert snapshot(populated.path) | before == snapshot(populated.path)
    assert done.err.splitlines() == [
        f"cachedb: the encoding of the database is {encoding}, and names of images are UTF-8",
        "hint: createdb --encoding=UTF8 --template=template0 NAME",
    ]


def test_a_catalog_of_a_newer_version_is_refused(
    run: Run, server: Server, populated: build.Tree
) -> None:
    url = server.fresh()
    succeed(run, populated.path, "ls", "--catalog", url)
    name, newer = url.rpartition("cache=")[2], SCHEMA_VERSION + 1
    server.psql(f"UPDATE \"{name}\".alembic_version SET version_num = '{newer:04}'")
    before = snapshot(populated.path)

    done = run(populated.path, "rm", "example.com/app:1", "--catalog", url)

    assert done.code == 6
    assert f"has schema {newer}" in done.err
    assert snapshot(populated.path) == before
    assert "catalog-unusable" in run(populated.path, "doctor", "--catalog", url).out


def test_a_schema_of_another_program_is_refused(
    run: Run, server: Server, populated: build.Tree
) -> None:
    server.psql("CREATE SCHEMA IF NOT EXISTS shop; CREATE TABLE IF NOT EXISTS shop.sale (id INT)")

    done = run(populated.path, "ls", "--catalog", server.url("shop"))

    assert done.code == 4
    assert "holds tables of another program" in done.err
    assert server.psql("SELECT COUNT(*) FROM shop.sale").strip() == "0"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("fleet list", 0),
        ("query --fleet refs", 3),
        ("du --fleet", 3),
        ("report --fleet", 3),
        ("fleet rm nothing", 3),
    ],
)
def test_a_database_without_a_catalog_is_an_empty_fleet(
    run: Run, server: Server, tmp_path: Path, words: str, code: int
) -> None:
    url = server.url(database=server.make_database())

    done = run(tmp_path / "none", *words.split(), "--catalog", url)

    assert done.code == code
    assert done.err.count("\n") <= 2
    assert not (tmp_path / "none").exists()


def test_a_role_whose_transactions_are_read_only_is_not_called_a_standby(
    run: Run, guarded: Server, populated: build.Tree
) -> None:
    guarded.psql("CREATE ROLE reader LOGIN SUPERUSER")
    guarded.psql("ALTER ROLE reader SET default_transaction_read_only = on")
    url = guarded.url("reader").replace("postgres@", "reader@")
    place = f"postgresql://{guarded.folder}:{guarded.port}/postgres"

    done = run(populated.path, "ls", "--catalog", url)

    assert done.code == 9
    assert done.err.splitlines() == [
        f"cachedb: the catalog at {place} cannot be written: transactions are read-only",
        "hint: default_transaction_read_only = off",
    ]


def test_a_standby_answers_and_refuses_changes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprint, "_RACY_NS", 0)  # a catalog that was made just now is in step
    tree = build.layout(tmp_path / "cache", {"app:1": build.image()})
    with serving() as primary:
        succeed(run, tree.path, "ls", "--catalog", primary.url("c"))
        with serving(standby_of=primary) as standby:
            url = standby.url("c")
            listed = succeed(run, tree.path, "ls", "--catalog", url)
            before = snapshot(tree.path)
            refused = run(tree.path, "tag", "app:1", "other:2", "--catalog", url)
            after = snapshot(tree.path)
            tree.add(build.image(env=["new=1"]), "new:3")
            behind = run(tree.path, "ls", "--catalog", url)
            standby.promote()
            promoted = succeed(run, tree.path, "ls", "--catalog", url)

    assert "app:1" in listed
    assert (refused.code, behind.code) == (9, 9)
    assert "the server is a read-only standby" in refused.err
    assert "the server is a read-only standby" in behind.err
    assert after == before
    assert "new:3" in promoted


def test_many_hosts_that_open_a_cache_first_make_one_catalog(
    server: Server, populated: build.Tree
) -> None:
    before = schemas(server)

    def names(_: int) -> list[str | None]:
        with Cache.open(populated.path, catalog=server.url()) as cache:
            return [each.name for each in cache.list()]

    with ThreadPoolExecutor(6) as pool:
        listed = list(pool.map(names, range(6)))

    assert listed == [listed[0]] * 6
    (name, files) = sorted(schemas(server) - before)
    assert files == f"{name}.files"
