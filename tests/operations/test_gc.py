"""What a collection removes, spares and refuses."""

import threading
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.errors import CacheBusy, CatalogMismatch, UnreadableGraph
from cachedb.operations import gc
from cachedb.operations.publish import leasing
from tests import build
from tests.conftest import APP, BASE, TOOL

ORPHAN = build.layer({"orphan": ""}).digest


def collect(cache: Cache) -> gc.GCReport:
    return cache.collect(cache.plan_collection(grace=0))


def test_only_what_no_name_leads_to_is_removed(cache: Cache, populated: build.Tree) -> None:
    report = collect(cache)

    assert [str(c.digest) for c in report.removed] == [ORPHAN]
    assert populated.blobs() == APP.digests | TOOL.digests


def test_a_shared_layer_outlives_one_of_its_images(cache: Cache, populated: build.Tree) -> None:
    cache.remove(cache.plan_removal(["example.com/app:1"]))

    collect(cache)

    assert populated.blobs() == TOOL.digests
    assert BASE.digest in populated.blobs()


def test_a_name_that_is_left_keeps_everything(cache: Cache, populated: build.Tree) -> None:
    populated.name(APP, "example.com/alias:1")
    with Cache.open(populated.path) as again:
        plan = again.plan_removal(["example.com/app:1"])
        again.remove(plan)
        collect(again)

    assert plan.freed == 0
    assert APP.digests <= populated.blobs()


def test_a_young_file_is_spared_and_said_to_be(cache: Cache, populated: build.Tree) -> None:
    plan = cache.plan_collection(grace=3600)

    assert plan.garbage == ()
    assert [(str(c.digest), c.reason) for c in plan.spared] == [(ORPHAN, gc.Reason.YOUNG)]
    assert cache.collect(plan).removed == ()
    assert ORPHAN in populated.blobs()


def test_a_plan_changes_nothing(cache: Cache, populated: build.Tree) -> None:
    before = populated.blobs()
    cache.plan_collection(grace=0)
    assert populated.blobs() == before


def test_what_appears_after_the_plan_is_left_alone(cache: Cache, populated: build.Tree) -> None:
    plan = cache.plan_collection(grace=0)
    late = build.layer({"late": ""})
    populated.put(late)

    cache.collect(plan)

    assert late.digest in populated.blobs()
    assert ORPHAN not in populated.blobs()


def test_what_got_a_name_after_the_plan_is_left_alone(populated: build.Tree) -> None:
    extra = build.image(build.layer({"extra": ""}))
    populated.put(*extra.blobs)
    with Cache.open(populated.path) as cache:
        plan = cache.plan_collection(grace=0)
        populated.name(extra, "example.com/extra:1")
        cache.collect(plan)

    assert extra.digests <= populated.blobs()


def test_a_referrer_lives_as_long_as_what_it_is_about(populated: build.Tree) -> None:
    signature = build.signature(TOOL)
    populated.put(*signature.blobs)
    with Cache.open(populated.path) as cache:
        collect(cache)
        assert signature.digests <= populated.blobs()

        cache.remove(cache.plan_removal(["docker.io/library/tool:2"]))
        collect(cache)
        assert populated.blobs() & signature.digests <= APP.digests


def test_a_running_operation_keeps_what_it_holds_and_its_content(populated: build.Tree) -> None:
    extra = build.image(build.layer({"extra": ""}))
    populated.put(*extra.blobs)
    with Cache.open(populated.path) as cache:
        root = cache.find_root(extra.digest)
        with leasing(cache.layout, cache.catalog) as lease:
            lease.hold([root.digest])
            plan = cache.plan_collection(grace=0)
            assert {c.reason for c in plan.spared} == {gc.Reason.LEASED}
            assert {str(c.digest) for c in plan.spared} == extra.digests
            cache.collect(plan)
            assert extra.digests <= populated.blobs()
        collect(cache)
        assert not (extra.digests - APP.digests - TOOL.digests) & populated.blobs()


@pytest.mark.parametrize("damage", ["flip", "truncate"])
def test_a_document_that_cannot_be_read_stops_the_collection(
    populated: build.Tree, damage: str
) -> None:
    getattr(populated, damage)(TOOL.digest)
    before = populated.blobs()
    with Cache.open(populated.path) as cache, pytest.raises(UnreadableGraph) as caught:
        cache.plan_collection(grace=0)

    assert TOOL.digest.partition(":")[2] in str(caught.value)
    assert populated.blobs() == before


def test_an_entry_of_index_json_that_cannot_be_read_stops_the_collection(
    populated: build.Tree,
) -> None:
    populated.write_entries([*populated.entries(), {"digest": "sha256:short"}])
    with Cache.open(populated.path) as cache, pytest.raises(UnreadableGraph, match=r"index\.json"):
        cache.plan_collection(grace=0)


def test_a_corrupt_layer_does_not_stop_the_collection(populated: build.Tree) -> None:
    populated.flip(BASE.digest)
    with Cache.open(populated.path) as cache:
        cache.verify()
        assert [str(c.digest) for c in collect(cache).removed] == [ORPHAN]


def test_the_files_are_asked_before_the_catalog_is_believed(
    cache: Cache, populated: build.Tree
) -> None:
    with cache.catalog.writing() as connection:
        connection.exec_driver_sql("DELETE FROM edge")
    before = populated.blobs()

    with pytest.raises(CatalogMismatch, match="needs"):
        collect(cache)

    assert populated.blobs() == before


def test_a_change_of_the_names_meanwhile_gives_everything_back(
    cache: Cache, populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = cache.plan_collection(grace=0)
    before = populated.blobs()
    read = cache.layout.read_index_json
    answers = iter([read(), b"something else"])
    monkeypatch.setattr(cache.layout, "read_index_json", lambda: next(answers, None) or read())
    monkeypatch.setattr(cache.layout, "index", lambda: gc_index)
    gc_index = type(cache.layout).index(cache.layout)  # read by the real method beforehand

    with pytest.raises(CacheBusy, match=r"index\.json"):
        cache.collect(plan)

    assert populated.blobs() == before


def test_a_killed_collection_is_undone_by_the_next_open(
    cache: Cache, populated: build.Tree
) -> None:
    before = populated.blobs()
    digest = cache.find_root(ORPHAN).digest
    with cache.layout.trash() as trash:
        trash.take("killed", digest)
    assert ORPHAN not in populated.blobs()

    with Cache.open(populated.path) as again:
        assert populated.blobs() == before
        collect(again)
        assert ORPHAN not in populated.blobs()


def test_a_running_collection_is_not_undone(cache: Cache, populated: build.Tree) -> None:
    digest = cache.find_root(ORPHAN).digest
    holding, done = threading.Event(), threading.Event()

    def run() -> None:
        with cache.layout.sweeping(), cache.layout.trash() as trash:
            trash.take("running", digest)
            holding.set()
            done.wait(30)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert holding.wait(30)
        Cache.open(populated.path).close()
        assert ORPHAN not in populated.blobs()
    finally:
        done.set()
        thread.join()


def test_the_bytes_freed_are_those_that_were_promised(cache: Cache, populated: build.Tree) -> None:
    promised = next(i.exclusive for i in cache.usage().images if str(i.digest) == APP.digest)
    garbage = cache.usage().garbage
    cache.remove(cache.plan_removal(["example.com/app:1"]))

    report = collect(cache)

    assert report.freed == promised + garbage
    assert cache.usage().total == sum(
        file.stat().st_size for file in (populated.path / "blobs" / "sha256").iterdir()
    )


def test_nothing_of_ours_is_left_behind(cache: Cache, populated: build.Tree) -> None:
    collect(cache)
    private = Path(populated.path) / ".cachedb"
    left = {p.relative_to(private).as_posix() for p in private.rglob("*") if p.is_file()}
    assert left <= {"index.db", "index.db-journal", "gc.lock", "reserved", "last-index.json"}
