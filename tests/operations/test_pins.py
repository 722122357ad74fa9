"""Pins: what keeps them, what they keep, and what removes them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.errors import NotFound, Refused
from cachedb.linuxkit import Provider
from cachedb.operations.gc import pins
from cachedb.operations.gc.retention import Policy
from cachedb.operations.sync import history
from tests import backends, build
from tests.operations.registries import Place, fetch, put

PIN = "io.cachedb.pin"
APP, TOOL = "example.com/app:1", "example.com/tool:2"
IMAGE, OTHER, NEWER = (build.image(env=[f"N={n}"]) for n in range(3))


@pytest.fixture
def tree(tmp_path: Path) -> build.Tree:
    return build.layout(tmp_path / "cache", {APP: IMAGE, TOOL: OTHER})


@pytest.fixture
def cache(tree: build.Tree) -> Iterator[Cache]:
    with Cache.open(tree.path) as opened:
        yield opened


def pinned(tree: build.Tree) -> set[str | None]:
    with Cache.open(tree.path) as cache:
        return {row.name for row in cache.query("refs is:pinned show name").rows}


def annotated(tree: build.Tree) -> set[str]:
    return {
        entry["annotations"][build.REF_NAME]
        for entry in tree.entries()
        if PIN in entry.get("annotations", {})
    }


def without_annotations(tree: build.Tree) -> None:
    """Rewrite index.json as a tool does that keeps names alone."""
    entries = tree.entries()
    for entry in entries:
        entry.get("annotations", {}).pop(PIN, None)
    tree.write_entries(entries)


def test_a_pin_is_an_annotation_and_a_record(cache: Cache, tree: build.Tree) -> None:
    (root,) = cache.pin([APP])
    assert root.name == APP
    assert annotated(tree) == {APP}
    assert pinned(tree) == {APP}
    assert {listing.name for listing in cache.list() if listing.is_pinned} == {APP}


def test_a_pin_outlives_the_catalog_and_a_rewrite_of_index_json(
    cache: Cache, tree: build.Tree
) -> None:
    cache.pin([APP])
    without_annotations(tree)
    backends.remove_catalog(tree.path)
    assert pinned(tree) == {APP}
    Cache.rebuild(tree.path)
    assert pinned(tree) == {APP}


def test_a_pin_outlives_the_private_folder(cache: Cache, tree: build.Tree) -> None:
    cache.pin([APP])
    shutil.rmtree(tree.path / ".cachedb")
    assert pinned(tree) == {APP}


def test_the_next_write_restores_the_annotation(cache: Cache, tree: build.Tree) -> None:
    cache.pin([APP])
    without_annotations(tree)
    cache.remove(cache.plan_removal([TOOL]))
    assert annotated(tree) == {APP}


def test_a_pulled_name_stays_pinned(empty: Cache, place: Place) -> None:
    tree = build.Tree(empty.layout.root)
    put(place.host, place.path, IMAGE)
    fetch(empty, place.host, place.short)
    empty.pin([place.name])
    put(place.host, place.path, NEWER)
    fetch(empty, place.host, place.short)
    assert tree.entries()[0]["digest"] == NEWER.digest
    assert annotated(tree) == {place.name}


def test_a_name_that_only_its_annotation_pins_stays_pinned_when_it_moves(
    cache: Cache, tree: build.Tree
) -> None:
    entries = tree.entries()
    entries[0]["annotations"][PIN] = "by hand"
    tree.write_entries(entries)
    archive = tree.path.parent / "app.tar"
    archive.write_bytes(build.archive({APP: NEWER}))
    with Provider(tree.path) as provider, archive.open("rb") as stream:
        provider.image_load(stream)
    assert pinned(tree) == {APP}


def test_a_pinned_name_that_tag_moves_stays_pinned(cache: Cache, tree: build.Tree) -> None:
    cache.pin([APP])
    cache.tag(TOOL, APP)
    assert {e["digest"] for e in tree.entries()} == {OTHER.digest}
    assert annotated(tree) == {APP}


def test_a_name_that_another_tool_moves_stays_pinned(cache: Cache, tree: build.Tree) -> None:
    cache.pin([APP])
    tree.add(NEWER, APP)
    assert pinned(tree) == {APP}


def test_a_name_that_comes_back_is_pinned_again(cache: Cache, tree: build.Tree) -> None:
    cache.pin([APP])
    kept = [e for e in tree.entries() if e["annotations"][build.REF_NAME] != APP]
    tree.write_entries(kept)
    assert pinned(tree) == set()
    tree.add(IMAGE, APP)
    assert pinned(tree) == {APP}


def test_an_entry_without_a_name_is_pinned_by_its_digest(tmp_path: Path) -> None:
    tree = build.Tree.make(tmp_path / "unnamed")
    tree.add(IMAGE)
    with Cache.open(tree.path) as cache:
        cache.pin([IMAGE.digest])
        without_annotations(tree)
        backends.remove_catalog(tree.path)
    assert pinned(tree) == {None}


def test_unpin_clears_both(cache: Cache, tree: build.Tree) -> None:
    cache.pin([APP, TOOL])
    (root,) = cache.unpin([APP])
    assert root.name == APP
    assert annotated(tree) == {TOOL}
    assert pinned(tree) == {TOOL}
    backends.remove_catalog(tree.path)
    assert pinned(tree) == {TOOL}


def test_a_name_that_left_the_cache_loses_its_pin(cache: Cache, tree: build.Tree) -> None:
    cache.pin([APP])
    tree.write_entries([e for e in tree.entries() if e["annotations"][build.REF_NAME] != APP])
    with Cache.open(tree.path) as opened:
        assert opened.unpin([APP]) == ()
    tree.add(IMAGE, APP)
    assert pinned(tree) == set()


def test_pinning_twice_changes_nothing_more(cache: Cache, tree: build.Tree) -> None:
    cache.pin([APP])
    before = (tree.path / "index.json").read_bytes()
    assert cache.pin([APP]) == ()
    assert (tree.path / "index.json").read_bytes() == before


@pytest.mark.parametrize("doing", ["pin", "unpin"])
def test_a_name_that_does_not_exist_pins_nothing(
    cache: Cache, tree: build.Tree, doing: str
) -> None:
    before = (tree.path / "index.json").read_bytes()
    with pytest.raises(NotFound):
        getattr(cache, doing)([APP, "example.com/nothing:1"])
    assert (tree.path / "index.json").read_bytes() == before
    assert pinned(tree) == set()


def test_a_blob_without_an_entry_is_refused(cache: Cache) -> None:
    with pytest.raises(Refused, match=r"no entry in index\.json"):
        cache.pin([IMAGE.config.digest])


# -- what a pin keeps -------------------------------------------------------------------------


def test_rm_refuses_a_pinned_name(cache: Cache) -> None:
    cache.pin([APP])
    with pytest.raises(Refused, match="is pinned") as refused:
        cache.plan_removal([TOOL, APP])
    assert refused.value.hint == f"cachedb unpin {APP}"


def test_a_query_of_rm_leaves_pinned_names_out(cache: Cache) -> None:
    cache.pin([APP])
    plan = cache.plan_removal((), "everything")
    assert [root.name for root in plan.roots] == [TOOL]
    assert [root.name for root in plan.pinned] == [APP]


def test_discard_refuses_a_pinned_name(cache: Cache, tree: build.Tree) -> None:
    roots = cache.targets([APP])
    cache.pin([APP])
    with pytest.raises(Refused, match="is pinned"):
        cache.discard(roots)
    assert len(tree.entries()) == 2


def test_clean_leaves_pinned_images_whole_with_what_refers_to_them(tree: build.Tree) -> None:
    signature = tree.add(build.signature(IMAGE))
    with Cache.open(tree.path) as cache:
        cache.pin([APP])
        cache.clean()
        assert {e["digest"] for e in tree.entries()} == {IMAGE.digest, signature.digest}
        assert tree.blobs() == IMAGE.digests | signature.digests
        assert cache.verify().is_clean


def test_a_policy_keeps_a_name_that_only_the_journal_pins(cache: Cache, tree: build.Tree) -> None:
    cache.pin([APP])
    without_annotations(tree)
    plan = cache.plan_retention(Policy(drop=(cache.parse("everything"),)))
    assert [root.name for root in plan.removal.roots] == [TOOL]


def test_a_name_that_was_pinned_since_the_plan_stays(cache: Cache, tree: build.Tree) -> None:
    plan = cache.plan_removal([APP])
    cache.pin([APP])
    assert cache.remove(plan) == ()
    without_annotations(tree)
    assert cache.remove(plan) == ()
    assert len(tree.entries()) == 2


def test_other_fields_of_an_entry_survive_pin_and_unpin(cache: Cache, tree: build.Tree) -> None:
    entries = tree.entries()
    entries[0] |= {"platform": {"os": "linux", "architecture": "amd64"}, "x.example": [1]}
    tree.write_entries(entries)
    cache.pin([APP])
    cache.unpin([APP])
    assert sorted(map(json.dumps, tree.entries())) == sorted(map(json.dumps, entries))


def test_a_pin_whose_annotation_was_not_written_is_a_pin(
    cache: Cache, tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pins, "_replace", lambda *_: None)
    cache.pin([APP])
    assert annotated(tree) == set()
    assert pinned(tree) == {APP}


def test_pins_survive_the_rewriting_of_the_journal(
    cache: Cache, tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.pin([APP, TOOL])
    cache.unpin([TOOL])
    cache.layout.append_journal({"op": "use", "names": ["x" * (1 << 20)]})
    history.record(cache.layout, cache.catalog, history.USE, names=[APP])
    assert (tree.path / ".cachedb" / "journal.jsonl").stat().st_size < 10_000
    without_annotations(tree)
    backends.remove_catalog(tree.path)
    assert pinned(tree) == {APP}
