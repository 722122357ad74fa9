"""Times of last use and last pull: what records them, and what has no way to."""

from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.catalog.user_state import uses
from cachedb.operations.archives.export import ExportOptions
from tests import build

NAME, OTHER = "example.com/app:1", "example.com/other:1"


@pytest.fixture
def tree(tmp_path: Path) -> build.Tree:
    images = {NAME: build.image(), OTHER: build.image(arch="arm64")}
    return build.layout(tmp_path / "cache", images)


def used(cache: Cache) -> list[str]:
    return [row.name for row in cache.query("refs used since 1h show name").rows]


def test_an_export_is_a_use_of_the_images_that_it_exports(tree: build.Tree) -> None:
    with Cache.open(tree.path) as cache:
        assert used(cache) == []
        b"".join(cache.export_chunks(cache.plan_export([NAME], ExportOptions())))
        assert used(cache) == [NAME]


def test_reading_packages_is_a_use(tree: build.Tree) -> None:
    with Cache.open(tree.path) as cache:
        cache.packages(OTHER)
        assert used(cache) == [OTHER]


def test_a_listing_is_no_use(tree: build.Tree) -> None:
    with Cache.open(tree.path) as cache:
        cache.list()
        cache.inspect(NAME)
        assert used(cache) == []


def test_a_pull_is_recorded_each_time(tree: build.Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def pulled(cache: Cache) -> object:
        (row,) = cache.query(f"refs name:{NAME} show pulled").rows
        return row.pulled

    with Cache.open(tree.path) as cache:
        uses.record_pull(cache.catalog, [NAME])
        first = pulled(cache)
        later = uses._now() + 60_000_000
        monkeypatch.setattr(uses, "_now", lambda: later)
        uses.record_pull(cache.catalog, [NAME])
        assert first is not None
        assert pulled(cache) != first


def test_a_use_that_cannot_be_recorded_is_no_error(tree: build.Tree) -> None:
    with Cache.open(tree.path) as cache:
        (tree.path / ".cachedb" / "index.db").unlink()
        uses.record_use(cache.catalog, names=[NAME])
