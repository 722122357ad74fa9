"""Queries through the cache: typed rows, saved queries, parameters, targets."""

from datetime import datetime

import pytest

from cachedb.cache import Cache
from cachedb.errors import InvalidInput, LimitExceeded, QueryError, StorageFailed
from cachedb.limits import QUERY_SECONDS
from cachedb.oci import Digest
from tests import backends, build
from tests.conftest import APP, TOOL


def test_rows_are_typed(cache: Cache) -> None:
    (row,) = cache.query("refs tag:$tag show name,digest,size,added", tag="1").rows
    assert (row.name, row.digest, row.size) == (
        "example.com/app:1",
        APP.digest,
        sum(blob.size for blob in APP.blobs),
    )
    assert isinstance(row.digest, Digest)
    assert isinstance(row.added, datetime)


def test_a_parameter_is_a_value_whatever_it_holds(cache: Cache) -> None:
    for hostile in ("1 or everything", "'", '"; drop table ref; --', "1,2", "*"):
        assert cache.query("refs tag:$tag", tag=hostile).rows == ()


def test_a_saved_query_is_used_by_name(cache: Cache) -> None:
    cache.save_query("tools", "refs repo:library/*")
    assert [row.name for row in cache.query("@tools").rows] == ["docker.io/library/tool:2"]
    assert [row.name for row in cache.query("refs not @tools").rows] == ["example.com/app:1"]


def test_a_saved_query_outlives_the_catalog(populated: build.Tree) -> None:
    with Cache.open(populated.path) as cache:
        cache.save_query("tools", "refs repo:library/*")
    backends.remove_catalog(populated.path)
    with Cache.open(populated.path) as again:
        assert len(again.query("@tools").rows) == 1


def test_a_saved_query_that_leads_back_to_itself_is_refused(cache: Cache) -> None:
    cache.save_query("a", "refs tag:1")
    cache.save_query("b", "refs @a")
    with pytest.raises(QueryError):
        cache.save_query("a", "refs @b")
    assert [row.name for row in cache.query("@b").rows] == ["example.com/app:1"]


def test_a_broken_configuration_says_so(cache: Cache, populated: build.Tree) -> None:
    (populated.path / ".cachedb" / "cachedb.toml").write_text("[queries\n")
    with pytest.raises(InvalidInput, match=r"cachedb\.toml"):
        cache.query("refs tag:1")


def test_a_word_that_stands_for_nothing_is_an_error_with_help(cache: Cache) -> None:
    with pytest.raises(QueryError, match="no reference matches") as caught:
        cache.query("refs archh:arm64")
    assert "arch:arm64" in caught.value.hints[0]
    assert cache.query("refs present(archh:arm64)").rows == ()


def test_targets_are_names_and_queries_together(cache: Cache) -> None:
    both = cache.targets(["tool:2"], cache.parse("refs tag:1"))
    assert {str(root.digest) for root in both} == {APP.digest, TOOL.digest}
    with pytest.raises(QueryError, match="are not refs"):
        cache.targets([], cache.parse("blobs kind:layer"))


def test_a_query_that_takes_too_long_is_interrupted(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cachedb.catalog import executor, query_limits  # noqa: PLC0415

    monkeypatch.setattr(query_limits, "QUERY_SECONDS", type(QUERY_SECONDS)(
        name="query seconds", variable="X", value=-1))  # fmt: skip
    monkeypatch.setattr(executor, "_STEPS", 1)
    with pytest.raises(LimitExceeded, match="query seconds"):
        cache.query("refs sort -exclusive")
    with cache.catalog.reading() as connection:
        assert connection.driver.execute("PRAGMA query_only").fetchone() == (0,)


def test_a_query_cannot_write(cache: Cache) -> None:
    from cachedb.catalog.query_limits import limited  # noqa: PLC0415

    with (
        pytest.raises(StorageFailed, match=r"read-?only"),
        limited(cache.catalog.reading(), lambda _: None) as connection,
    ):
        connection.driver.execute("DELETE FROM ref")


def test_an_explanation_shows_the_statement_and_its_plan(cache: Cache) -> None:
    found = cache.explain(cache.parse("refs platform:linux/arm64"))
    assert found.query.canonical == "refs platform:linux/arm64"
    assert "arm64" in found.query.meaning
    assert "arm64" not in found.query.sql
    assert any("edge" in line for line in found.plan)


def test_a_platform_is_shown_with_the_build_of_windows(tree: build.Tree) -> None:
    builds = ("10.0.17763.1", "10.0.20348.2")
    images = [
        build.image(
            build.layer({"build": version}),
            os="windows",
            declared=build.platform_of("amd64", "windows", os_version=version),
        )
        for version in builds
    ]
    tree.add(build.index(*images, build.image()), "example.com/app:1")
    with Cache.open(tree.path) as opened:
        shown = [str(row[0]) for row in opened.query("links role:manifest show platform").rows]
        assert shown == [*(f"windows({version})/amd64" for version in builds), "linux/amd64"]
        assert len(opened.query("links platform:windows/amd64").rows) == len(builds)
