"""What can be answered at a glance, and when the cache has to be opened first."""

import shutil
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.errors import CacheNotFound, NotALayout, RefNotFound
from cachedb.layout import Layout, fingerprint
from cachedb.oci.digest import Digest
from cachedb.operations.read.fast_path import glance
from cachedb.operations.read.listing import list_refs
from cachedb.operations.read.resolve import Root, find_roots
from tests import build
from tests.conftest import APP, BASE, TOOL

ORPHAN = build.layer({"orphan": ""})


@pytest.fixture(autouse=True)
def _stamps_count_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "_RACY_NS", 0)


@pytest.fixture
def opened_before(populated: build.Tree) -> build.Tree:
    """A layout whose catalog is in step."""
    Cache.open(populated.path).close()
    return populated


def roots(path: Path, text: str) -> list[Root] | None:
    return glance(path, lambda ask: find_roots(ask, text))


@pytest.mark.parametrize(
    "text",
    [
        "example.com/app:1",
        "tool:2",
        "example.com/app",
        str(APP.digest),
        str(BASE.digest),
        str(BASE.digest)[7:17],
        f"example.com/app@{APP.digest}",
        f"tool:2@{APP.digest}",
        f"other:3@{TOOL.digest}",
        str(ORPHAN.digest),
    ],
)
def test_a_root_is_found_as_in_an_open_cache(opened_before: build.Tree, text: str) -> None:
    with Cache.open(opened_before.path) as cache:
        try:
            expected = cache.find_roots(text)
        except RefNotFound as error:
            with pytest.raises(RefNotFound, match=str(error)):
                roots(opened_before.path, text)
            return
    assert roots(opened_before.path, text) == expected


def test_images_are_listed_as_in_an_open_cache(opened_before: build.Tree) -> None:
    with Cache.open(opened_before.path) as cache:
        expected = cache.list()
    assert [listing.name for listing in expected] == [
        "docker.io/library/tool:2",
        "example.com/app:1",
    ]
    assert glance(opened_before.path, list_refs) == expected


def test_a_cache_that_nobody_has_opened_has_no_answers(populated: build.Tree) -> None:
    assert glance(populated.path, list_refs) is None
    assert not (populated.path / ".cachedb").exists()


def test_after_a_change_by_others_the_cache_is_opened_first(opened_before: build.Tree) -> None:
    opened_before.name(TOOL, "example.com/new:1")
    assert glance(opened_before.path, list_refs) is None

    Cache.open(opened_before.path).close()
    found = glance(opened_before.path, list_refs)
    assert found is not None
    assert "example.com/new:1" in {listing.name for listing in found}


def test_stamps_that_are_too_young_prove_nothing(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    Cache.open(populated.path).close()
    assert glance(populated.path, list_refs) is None


def test_a_collection_that_was_killed_is_undone_first(opened_before: build.Tree) -> None:
    with Layout.open(opened_before.path) as layout, layout.trash() as trash:
        trash.take("killed", Digest(BASE.digest))
    Cache.open(opened_before.path).close()  # gives it back
    assert glance(opened_before.path, list_refs) is not None

    (opened_before.path / ".cachedb" / "trash" / "killed").mkdir()
    assert glance(opened_before.path, list_refs) is None


def test_what_was_removed_and_is_needed_again_is_given_back_first(
    opened_before: build.Tree,
) -> None:
    with Cache.open(opened_before.path) as cache:
        cache.remove(cache.plan_removal(["tool:2"]))
        cache.collect(cache.plan_collection(grace=0, quarantine=3600))
    Cache.open(opened_before.path).close()
    assert glance(opened_before.path, list_refs) is not None  # nobody needs what is in the trash

    opened_before.name(TOOL, "example.com/again:1")
    with Layout.open(opened_before.path) as other, other.sweeping():  # nobody can give it back
        Cache.open(opened_before.path).close()
    assert glance(opened_before.path, list_refs) is None

    with Cache.open(opened_before.path) as cache:
        (again,) = (each for each in cache.list() if each.name == "example.com/again:1")
    assert again.health == "complete"
    Cache.open(opened_before.path).close()
    assert glance(opened_before.path, list_refs) is not None


def test_a_damaged_catalog_is_left_to_whoever_opens_the_cache(opened_before: build.Tree) -> None:
    catalog = opened_before.path / ".cachedb" / "index.db"
    catalog.write_bytes(catalog.read_bytes()[:8192])
    assert glance(opened_before.path, list_refs) is None
    shutil.rmtree(opened_before.path / ".cachedb")
    assert glance(opened_before.path, list_refs) is None


def test_what_is_no_cache_is_said(tmp_path: Path) -> None:
    with pytest.raises(CacheNotFound):
        glance(tmp_path / "none", list_refs)
    with pytest.raises(NotALayout):
        glance(tmp_path, list_refs)
