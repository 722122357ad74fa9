"""Fleets: caches whose catalogs are in one database, published and asked together."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest

from cachedb import Cache
from cachedb.catalog.enums import SCHEMA_VERSION
from cachedb.catalog.server import published_copy
from cachedb.fleet import Fleet
from cachedb.layout import fingerprint
from cachedb.operations.fleet.membership import Membership
from scripts import json_schemas
from tests import build
from tests.cli.conftest import Run, succeed
from tests.postgresql import Server, serving

SHARED = build.layer({"bin/sh": "#!base" * 100})
APP, TOOL = "example.com/app:1", "example.com/tool:2"


@pytest.fixture(scope="module")
def farm() -> Iterator[Server]:
    """A server with the catalogs of one farm alone."""
    with serving() as found:
        yield found


@pytest.fixture(autouse=True)
def _not_racy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalog that was made just now is up to date."""
    monkeypatch.setattr(fingerprint, "_RACY_NS", 0)


@pytest.fixture
def database(farm: Server) -> str:
    """A database of this test alone, which is one fleet."""
    return farm.make_database()


def layouts(folder: Path) -> dict[str, build.Tree]:
    """Make three layouts that share a layer; two of them hold the same image."""
    app = build.image(SHARED, build.layer({"app": "1"}), labels={"team": "red"})
    tool = build.image(SHARED, build.layer({"tool": "2"}))
    names = {"a": {APP: app, TOOL: tool}, "b": {APP: app}, "c": {TOOL: tool}}
    return {name: build.layout(folder / name, held) for name, held in names.items()}


def join(farm: Server, database: str, trees: dict[str, build.Tree]) -> None:
    """Publish copies of a and b, and keep the catalog of c in the server."""
    for name in "ab":
        with Cache.open(trees[name].path) as cache:
            cache.join_fleet(farm.url(f"web-{name}", database))
    Cache.open(trees["c"].path, catalog=farm.url("live", database)).close()


@pytest.fixture
def caches(tmp_path: Path) -> dict[str, build.Tree]:
    return layouts(tmp_path)


@pytest.fixture
def joined(farm: Server, database: str, caches: dict[str, build.Tree]) -> dict[str, build.Tree]:
    """A fleet of this test alone, which changes it."""
    join(farm, database, caches)
    return caches


class Standing(NamedTuple):
    """A fleet that tests ask and do not change."""

    trees: dict[str, build.Tree]
    database: str


@pytest.fixture(scope="module")
def standing(farm: Server, tmp_path_factory: pytest.TempPathFactory) -> Standing:
    trees = layouts(tmp_path_factory.mktemp("standing"))
    database = farm.make_database()
    join(farm, database, trees)
    return Standing(trees, database)


@pytest.mark.parametrize(
    "url", ["postgresql://h/d?cache=web%2Da&sslmode=require", "postgresql://h/d?cache=web-a"]
)
def test_a_membership_names_its_copy_however_the_url_is_written(url: str) -> None:
    assert Membership(url=url).cache == "web-a"


def test_a_query_of_a_fleet_has_the_rows_of_every_cache(run: Run, standing: Standing) -> None:
    found = succeed(
        run, standing.trees["a"].path, "query", "--fleet", "refs show cache,name sort name,cache",
        "--format", "{cache} {name}",
    )  # fmt: skip

    assert found.splitlines() == [
        f"web-a {APP}", f"web-b {APP}", f"live {TOOL}", f"web-a {TOOL}"
    ]  # fmt: skip


def test_a_host_without_a_cache_asks_by_the_url(
    run: Run, farm: Server, standing: Standing, tmp_path: Path
) -> None:
    url = farm.url(database=standing.database)

    counted = succeed(
        run, tmp_path / "none", "query", "--fleet", "--catalog", url, "--only", "web-*",
        "--without", "web-b", "refs group cache", "--format", "{cache} {count}",
    )  # fmt: skip

    assert counted == "web-a 2\n"
    assert not (tmp_path / "none").exists()
    assert succeed(run, tmp_path / "none", "fleet", "list", "-q", "--catalog", url).split() == [
        "live", "web-a", "web-b"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("refs name:example.com/tol:2", "refs name:example.com/tool:2"),
        ("refs repository:example.com/apps", "refs repository:example.com/app"),
        ("refs label:taem", "refs label:team"),
        ("refs arch:adm64", "refs arch:amd64"),
    ],
)
def test_a_value_that_no_cache_of_a_fleet_has_is_hinted_with_the_query_to_paste(
    run: Run, standing: Standing, typed: str, meant: str
) -> None:
    asked = run(standing.trees["a"].path, "query", "--fleet", typed)

    assert (asked.code, asked.out.count("example.com")) == (0, 0)
    assert f"matches nothing; did you mean `{meant}`?" in asked.err
    pasted = run(standing.trees["a"].path, "query", "--fleet", meant)
    assert (pasted.code, pasted.err) == (0, "")
    assert pasted.out.count("\n") > 1
    assert run(standing.trees["a"].path, "query", "-q", "--fleet", typed).err == ""


def test_a_value_of_one_cache_of_a_fleet_is_not_hinted_where_others_lack_it(
    run: Run, standing: Standing
) -> None:
    cache = standing.trees["a"].path
    assert run(cache, "query", "--fleet", "refs name:example.com/app:1").err == ""
    told = run(cache, "query", "--fleet", "--only", "live", "refs name:example.com/taal:2").err
    assert "did you mean `refs name:example.com/tool:2`?" in told


def test_a_query_of_files_of_a_fleet_tells_how_many_refs_are_not_indexed(
    run: Run, farm: Server, database: str, joined: dict[str, build.Tree]
) -> None:
    asked = ("query", "--fleet", "refs not file:/bin/sh show cache,name")
    before = run(joined["a"].path, *asked)
    assert before.err == (
        "4 of 4 refs are not indexed"
        " (cachedb index files --all on their hosts, then cachedb fleet sync)\n"
    )
    succeed(run, joined["a"].path, "index", "files", "--all")
    succeed(run, joined["a"].path, "fleet", "sync")
    succeed(
        run, joined["c"].path, "index", "files", "--all", "--catalog", farm.url("live", database)
    )

    after = run(joined["a"].path, *asked, "--format", "{cache} {name}")

    assert (after.out, after.err.partition(" (")[0]) == (
        f"web-b {APP}\n", "1 of 4 refs is not indexed"
    )  # fmt: skip
    assert run(joined["a"].path, *asked, "-q").err == ""
    seen = run(joined["a"].path, *asked, "--only", "web-a")
    assert seen.err == "nothing matches `refs not file:/bin/sh show cache,name`\n"


def test_du_of_a_fleet_counts_a_blob_for_each_holder_and_once(
    run: Run, standing: Standing
) -> None:
    held = [
        {path.name: path.stat().st_size for path in (tree.path / "blobs" / "sha256").iterdir()}
        for tree in standing.trees.values()
    ]
    every = {name: size for blobs in held for name, size in blobs.items()}

    found = json.loads(succeed(run, standing.trees["a"].path, "du", "--fleet", "--format", "json"))

    assert found["totals"]["total"] == sum(sum(blobs.values()) for blobs in held)
    assert found["totals"]["unique"] == sum(every.values())
    assert {row["cache"]: row["size"] for row in found["caches"]} == {
        "web-a": sum(held[0].values()),
        "web-b": sum(held[1].values()),
        "live": sum(held[2].values()),
    }
    alone = [size for name, size in every.items() if sum(name in blobs for blobs in held) == 1]
    assert found["totals"]["exclusive"] == sum(alone)
    assert found["totals"]["shared"] == found["totals"]["total"] - sum(alone)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("du --fleet", "du --fleet"),
        ("report --fleet", "report --fleet"),
        ("fleet", "fleet list"),
    ],
)
def test_the_json_of_a_fleet_follows_its_schema(
    run: Run, standing: Standing, schema: str, words: str
) -> None:
    found = json.loads(succeed(run, standing.trees["a"].path, *words.split(), "--format", "json"))

    validator = jsonschema.Draft202012Validator(
        json_schemas.schema(schema), format_checker=jsonschema.FormatChecker()
    )
    assert not list(validator.iter_errors(found))


def test_the_report_of_a_fleet_has_caches_and_common_blobs(run: Run, standing: Standing) -> None:
    path = standing.trees["a"].path
    found = json.loads(
        succeed(run, standing.trees["a"].path, "report", "--fleet", "--format", "json")
    )

    rows = {row["cache"]: row for row in found["caches"]}
    assert {name: row["names"] for name, row in rows.items()} == {
        "live": 1, "web-a": 2, "web-b": 1
    }  # fmt: skip
    assert rows["live"]["published"] is None
    assert rows["web-a"]["published"] is not None
    common = {row["digest"]: row["caches"] for row in found["common_blobs"]}
    assert common[str(SHARED.digest)] == 3
    text = succeed(run, path, "report", "--fleet")
    assert text.startswith("3 caches: ")
    times = [row[key] for row in rows.values() for key in ("added", "published") if row[key]]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", each) for each in times)
    assert all(each in text for each in times)
    listed = succeed(
        run,
        standing.trees["a"].path,
        "report",
        "--fleet",
        "--section",
        "common_blobs",
        "--format",
        "csv",
    )
    assert listed.splitlines()[0] == "digest,kind,size,caches,copies"


# -- publication -----------------------------------------------------------------------------


def test_a_publication_without_a_change_sends_nothing(
    run: Run, farm: Server, database: str, joined: dict[str, build.Tree]
) -> None:
    path = joined["a"].path
    succeed(run, path, "fleet", "sync")
    before = farm.psql("SELECT xmin, value FROM \"web-a\".state WHERE key = 'published'", database)

    again = run(path, "fleet", "sync")

    assert again.err == "web-a: up to date\n"
    after = farm.psql("SELECT xmin, value FROM \"web-a\".state WHERE key = 'published'", database)
    assert after == before


def test_a_publication_brings_the_copy_up_to_date(run: Run, joined: dict[str, build.Tree]) -> None:
    path = joined["a"].path
    joined["a"].add(build.image(env=["new=1"]), "example.com/new:3")
    succeed(run, path, "pin", APP)

    assert "published" in run(path, "fleet", "sync").err
    names = succeed(
        run, path, "query", "--fleet", "cache:web-a show name sort name", "--format", "{name}"
    )
    pinned = succeed(run, path, "query", "--fleet", "is:pinned show cache", "--format", "{cache}")

    assert names.split() == [APP, "example.com/new:3", TOOL]
    assert pinned == "web-a\n"


def test_a_cache_that_follows_changes_publishes_each_of_them(
    run: Run, farm: Server, database: str, caches: dict[str, build.Tree]
) -> None:
    path = caches["a"].path
    succeed(run, path, "fleet", "add", "--after-changes", farm.url("web-a", database))

    succeed(run, path, "tag", APP, "example.com/app:stable")

    found = succeed(run, path, "query", "--fleet", "tag:stable show name", "--format", "{name}")
    assert found == "example.com/app:stable\n"


def test_a_change_stands_where_it_cannot_be_published(
    run: Run,
    farm: Server,
    database: str,
    caches: dict[str, build.Tree],
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = caches["a"].path
    succeed(run, path, "fleet", "add", "--after-changes", farm.url("web-a", database))
    farm.stop()
    try:
        done = run(path, "tag", APP, "example.com/app:stable")
    finally:
        farm.start()

    assert done.code == 0
    assert "the change is not published to the fleet: cannot use the catalog at" in caplog.text
    assert "example.com/app:stable" in succeed(run, path, "ls")
    assert "published" in run(path, "fleet", "sync").err


_KILLED = """
import os, signal, sys
from cachedb import Cache
from cachedb.catalog.server import published_copy
copy, number = published_copy._copy, iter(range(1000))
def copied(*given):
    if next(number) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return copy(*given)
published_copy._copy = copied
with Cache.open(sys.argv[1]) as cache:
    cache.publish()
"""


@pytest.mark.parametrize("table", [0, 4, 12])
def test_a_host_that_is_killed_while_it_publishes_leaves_the_copy_before(
    run: Run, joined: dict[str, build.Tree], table: int
) -> None:
    path = joined["a"].path
    joined["a"].add(build.image(env=["new=1"]), "example.com/new:3")
    asked = ("query", "--fleet", "cache:web-a show name sort name", "--format", "{name}")
    before = succeed(run, path, *asked)

    died = subprocess.run([sys.executable, "-c", _KILLED, path, str(table)], check=False)

    assert died.returncode == -signal.SIGKILL
    assert succeed(run, path, *asked) == before
    succeed(run, path, "fleet", "sync")
    assert "example.com/new:3" in succeed(run, path, *asked)


def test_a_copy_of_a_catalog_is_removed_and_the_cache_stays(
    run: Run, joined: dict[str, build.Tree]
) -> None:
    path = joined["a"].path

    assert run(path, "fleet", "rm").err == "removed web-a from the fleet\n"

    assert run(path, "fleet", "sync").code == 2
    assert APP in succeed(run, path, "ls")


# -- bad input -------------------------------------------------------------------------------


def test_a_cache_of_a_newer_version_is_named_and_can_be_left_out(
    run: Run, farm: Server, database: str, joined: dict[str, build.Tree]
) -> None:
    path = joined["a"].path
    farm.psql(
        f"UPDATE \"web-b\".alembic_version SET version_num = '{SCHEMA_VERSION + 1:04}'", database
    )

    refused = run(path, "query", "--fleet", "refs")

    assert refused.code == 6
    assert refused.err == (
        f"cachedb: the catalog of the cache 'web-b' has schema {SCHEMA_VERSION + 1} and this"
        f" cachedb knows {SCHEMA_VERSION}\n"
        "hint: use the newer cachedb, or leave it out: --without web-b\n"
    )
    succeed(run, path, "query", "--fleet", "--without", "web-b", "refs")
    listed = succeed(run, path, "fleet", "list", "--format", "{cache} {source} {schema}")
    assert f"web-b other version {SCHEMA_VERSION + 1}" in listed.splitlines()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("query --fleet --only web-z refs", 3, "no cache of the fleet is called 'web-z'"),
        ("query --fleet --explain refs", 2, "--fleet runs a query and does nothing else"),
        ("query --only web-a refs", 2, "--only chooses caches of a fleet"),
        ("du --fleet --tree", 2, "--fleet measures whole caches"),
        ("report --fleet --html x.html", 2, "the report of a fleet is a table"),
        ("report --fleet --section images", 2, "no section 'images'"),
        ("fleet rm live", 2, "'live' is the catalog of a cache, which its hosts use"),
        ("fleet rm web-z", 3, "no cache of the fleet is called 'web-z'"),
        ("fleet sync web-a", 2, "fleet sync takes no argument"),
        ("fleet list --after-changes", 2, "fleet list takes no --after-changes"),
        ("fleet add", 2, "no URL given"),
        ("fleet add postgresql://user:secret@host/farm?cache=x", 2, "the URL has a password"),
        ("fleet add postgresql://host/farm", 2, "the URL names no cache"),
    ],
)
def test_bad_input_is_one_line_with_a_hint(
    run: Run, standing: Standing, words: str, code: int, told: str
) -> None:
    done = run(standing.trees["a"].path, *words.split())

    assert done.code == code
    assert told in done.err.splitlines()[0]
    assert len(done.err.splitlines()) <= 2
    assert "secret" not in done.err


def test_a_word_that_no_cache_matches_is_an_error(run: Run, standing: Standing) -> None:
    done = run(standing.trees["a"].path, "query", "--fleet", "refs nope")

    assert done.code == 2
    assert "no reference matches `nope`" in done.err


def test_the_word_cache_needs_a_fleet(run: Run, standing: Standing) -> None:
    for words in (
        "refs cache:x", "refs show cache", "refs sort cache", "refs group cache",
        "refs top 1 by cache", "refs top 1 by name per cache", "refs show max.cache",
    ):  # fmt: skip
        done = run(standing.trees["a"].path, "query", words)
        assert done.code == 2, words
        assert "`cache` is a field of a query of a fleet" in done.err, words


def test_a_name_in_the_fleet_belongs_to_one_cache(
    run: Run, farm: Server, standing: Standing
) -> None:
    for name, other in (("b", "web-a"), ("b", "live"), ("c", "web-a")):
        done = run(standing.trees[name].path, "fleet", "add", farm.url(other, standing.database))
        assert done.code == 2
        assert f"the catalog {other!r} in the server is that of another cache" in done.err
    copy = run(standing.trees["a"].path, "ls", "--catalog", farm.url("web-a", standing.database))
    assert "'web-a' in the server is the copy of a catalog" in copy.err
    own = run(standing.trees["c"].path, "fleet", "add", farm.url("live", standing.database))
    assert "'live' is the catalog of a cache itself" in own.err


def test_a_server_that_is_down_is_one_line(run: Run, standing: Standing) -> None:
    url = "postgresql+psycopg://postgres@127.0.0.1:1/farm"

    done = run(standing.trees["a"].path, "query", "--fleet", "refs", "--catalog", url)

    assert done.code == 9
    assert "cannot use the catalog at postgresql://127.0.0.1:1/farm" in done.err
    assert len(done.err.splitlines()) == 1


# -- roles -----------------------------------------------------------------------------------


def test_a_host_publishes_to_its_own_schema_only(
    run: Run, farm: Server, database: str, caches: dict[str, build.Tree]
) -> None:
    farm.psql("CREATE ROLE host_a LOGIN; CREATE ROLE host_b LOGIN; CREATE ROLE reader LOGIN")
    for role in ("host_a", "host_b"):
        farm.psql(
            f"CREATE SCHEMA {role} AUTHORIZATION {role};"
            f'CREATE SCHEMA "{role}.files" AUTHORIZATION {role};'
            f'GRANT USAGE ON SCHEMA {role}, "{role}.files" TO reader;'
            f'ALTER DEFAULT PRIVILEGES FOR ROLE {role} IN SCHEMA {role}, "{role}.files"'
            " GRANT SELECT ON TABLES TO reader",
            database,
        )

    def url(role: str, cache: str = "") -> str:
        return farm.url(cache, database).replace("postgres@", f"{role}@")

    succeed(run, caches["a"].path, "fleet", "add", url("host_a", "host_a"))
    succeed(run, caches["b"].path, "fleet", "add", url("host_b", "host_b"))
    refused = run(caches["a"].path, "fleet", "add", url("host_a", "host_b"))
    made = run(caches["a"].path, "fleet", "add", url("host_a", "other"))
    succeed(run, caches["a"].path, "tag", APP, "example.com/app:stable")
    assert "published" in run(caches["a"].path, "fleet", "sync").err

    asked = ("query", "--fleet", "refs group cache", "--format", "{cache} {count}")
    assert refused.code == made.code == 9
    assert "permission denied" in refused.err
    assert succeed(run, caches["a"].path, *asked, "--catalog", url("host_a")) == "host_a 3\n"
    every = succeed(run, caches["a"].path, *asked, "--catalog", url("reader"))
    assert every == "host_a 3\nhost_b 1\n"
    assert run(caches["a"].path, "fleet", "rm", "host_b", "--catalog", url("reader")).code == 9
    for role in ("host_a", "host_b", "reader"):
        farm.psql(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}", database)


# -- the library -----------------------------------------------------------------------------


def test_a_program_asks_a_fleet(farm: Server, standing: Standing) -> None:
    with Fleet.open(farm.url(database=standing.database)) as fleet:
        rows = fleet.query("refs name:$name show cache sort cache", name=APP).to_dicts()
        usage, totals = fleet.usage(only=["web-*"])
        report = fleet.report(without=["live"])
        members = {one.cache: one.source for one in fleet.members()}

    assert rows == [{"cache": "web-a"}, {"cache": "web-b"}]
    assert sum(each.size for each in usage) == totals.total
    assert [each.cache for each in report.caches] == ["web-a", "web-b"]
    assert members == {"live": "catalog", "web-a": "copy", "web-b": "copy"}
    with Cache.open(standing.trees["a"].path) as cache:
        cache.publish()
        assert not cache.publish().is_changed


def test_a_host_writes_its_catalog_while_it_is_published(
    farm: Server, database: str, caches: dict[str, build.Tree], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are sent from a snapshot: a reader of the file would keep every writer waiting."""
    monkeypatch.setenv("CACHEDB_LIMIT_LOCK_SECONDS", "1")
    root = caches["a"].path
    replace = published_copy.replace

    def beside(*arguments: Any, **named: Any) -> int:
        with Cache.open(root) as other:
            other.tag(APP, "example.com/beside:1")
        return replace(*arguments, **named)

    monkeypatch.setattr(published_copy, "replace", beside)
    counts = []
    with Cache.open(root) as cache:
        cache.join_fleet(farm.url("web-a", database))
        for _ in range(2):
            counts.append(farm.psql('SELECT COUNT(*) FROM "web-a".ref', database).strip())
            cache.publish()
    assert counts == ["2", "3"]


_SYNTAX = Path(__file__).parents[2] / "docs" / "reference" / "query-syntax.md"
_FORMS = [
    row.split(" | ")[1].strip("`")
    for row in _SYNTAX.read_text().split("\n## In a fleet\n")[1].split("\n## ")[0].splitlines()
    if row.startswith("| ") and "`" in row.split(" | ")[1]
]


def test_the_page_of_the_syntax_has_queries_of_fleets() -> None:
    assert len(_FORMS) >= 9


def test_every_query_of_a_fleet_on_the_page_of_the_syntax_has_an_answer(
    farm: Server, database: str, tmp_path: Path
) -> None:
    for number, tree in enumerate(layouts(tmp_path).values(), 1):
        with Cache.open(tree.path) as cache:
            cache.join_fleet(farm.url(f"web-{number}", database))
    with Fleet.open(farm.url(database=database)) as fleet:
        for query in _FORMS:
            assert fleet.query(query), query
