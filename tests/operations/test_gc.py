"""What a collection removes, spares and refuses."""

import json
import os
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cachedb.cache import Cache
from cachedb.errors import CacheBusy, CatalogMismatch, UnreadableGraph
from cachedb.layout.quarantine import Quarantine
from cachedb.oci import Digest
from cachedb.operations.gc import mark, sweep
from cachedb.operations.transfer.publish import leasing
from tests import build
from tests.conftest import APP, BASE, TOOL
from tests.layout import child

ORPHAN = build.layer({"orphan": ""}).digest


def collect(cache: Cache) -> sweep.GCReport:
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
    assert [(str(c.digest), c.reason) for c in plan.spared] == [(ORPHAN, mark.Reason.YOUNG)]
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
            assert {c.reason for c in plan.spared} == {mark.Reason.LEASED}
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


def test_a_name_that_leads_nowhere_stops_the_collection(populated: build.Tree) -> None:
    """A digest in index.json that has been damaged looks just like it."""
    entries = populated.entries()
    entries[0]["digest"] = f"sha256:{'0' * 64}"
    populated.write_entries(entries)
    before = populated.blobs()
    with (
        Cache.open(populated.path) as cache,
        pytest.raises(UnreadableGraph, match="is missing") as caught,
    ):
        cache.plan_collection(grace=0)
    assert caught.value.hint == "cachedb verify --repair, or cachedb rm example.com/app:1"
    assert populated.blobs() == before


def test_a_document_that_was_cut_unseen_stops_the_collection(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is written in place moves no time of its directory, so that it is not read."""
    monkeypatch.setattr("cachedb.layout.fingerprint.racy_since", lambda: 2**63)
    monkeypatch.setattr("cachedb.operations.sync.reconcile.racy_since", lambda: 2**63)
    with Cache.open(populated.path) as cache:
        plan = cache.plan_collection(grace=0)
        assert plan.garbage
        before = populated.blobs()
        populated.truncate(TOOL.digest)
        with pytest.raises(UnreadableGraph):
            cache.collect(plan)
    assert populated.blobs() == before


def test_a_corrupt_layer_does_not_stop_the_collection(populated: build.Tree) -> None:
    populated.flip(BASE.digest)
    with Cache.open(populated.path) as cache:
        cache.verify()
        assert [str(c.digest) for c in collect(cache).removed] == [ORPHAN]


@pytest.mark.parametrize(
    "fault",
    [
        "DELETE FROM edge",
        "DELETE FROM ref_annotation; DELETE FROM ref WHERE position = 1",
        "DELETE FROM ref_annotation; DELETE FROM ref",
        "DELETE FROM edge WHERE child_id IN (SELECT id FROM blob WHERE kind = 2)",
        "DELETE FROM edge WHERE child_id IN (SELECT id FROM blob WHERE kind = 3)",
        "UPDATE ref SET target_id = (SELECT id FROM blob WHERE kind = 4 LIMIT 1)",
    ],
    ids=["no-edges", "one-name-less", "no-names", "no-manifests", "no-configs", "other-targets"],
)
def test_plan_and_sweep_refuse_what_the_files_contradict(
    cache: Cache, populated: build.Tree, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Otherwise files as young as these are looked at again, and the fault is gone.
    monkeypatch.setattr("cachedb.layout.fingerprint._RACY_NS", 0)
    populated.add(build.signature(TOOL))
    Cache.open(populated.path).close()
    plan = cache.plan_collection(grace=0)
    with cache.catalog.writing() as connection:
        for statement in fault.split(";"):
            connection.driver.execute(statement)
    before = populated.blobs()

    with pytest.raises((CatalogMismatch, UnreadableGraph)):
        cache.plan_collection(grace=0)
    with pytest.raises((CatalogMismatch, UnreadableGraph)):
        cache.collect(plan)

    assert plan.garbage
    assert populated.blobs() == before


def test_a_plan_made_while_another_process_adds_a_name_is_made_again_under_the_lock(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer changes index.json before the catalog, and a plan may read in between."""
    image = build.image(labels={"arrives": "meanwhile"})
    populated.put(*image.blobs)
    check = mark.cross_check
    calls: list[int] = []

    def name_first(*arguments: Any) -> None:
        if not calls:
            populated.add(image, "example.com/meanwhile:1")
        calls.append(1)
        check(*arguments)

    monkeypatch.setattr(mark, "cross_check", name_first)
    with Cache.open(populated.path) as cache:
        plan = cache.plan_collection(grace=0)
    assert len(calls) == 2
    assert {str(each.digest) for each in plan.garbage}.isdisjoint(image.digests)


def test_a_plan_after_a_removal_reads_index_json_without_the_removed_names(
    cache: Cache, populated: build.Tree
) -> None:
    removal = cache.plan_removal(["example.com/app:1"])

    plan = cache.plan_collection(grace=0, after=removal)

    assert {str(each.digest) for each in plan.garbage} == {ORPHAN} | (APP.digests - TOOL.digests)


def test_a_referrer_that_the_catalog_has_lost_is_kept(cache: Cache, populated: build.Tree) -> None:
    signature = build.signature(TOOL)
    populated.put(*signature.blobs)
    Cache.open(populated.path).close()
    with cache.catalog.writing() as connection:
        connection.driver.execute(
            "DELETE FROM edge WHERE parent_id = (SELECT id FROM blob WHERE digest = "
            f"'{TOOL.digest}') AND child_id = (SELECT id FROM blob WHERE digest = "
            f"'{signature.digest}')"
        )
    with pytest.raises(CatalogMismatch, match="needs"):
        collect(cache)
    assert signature.digests <= populated.blobs()


def meddle(tree: build.Tree, monkeypatch: pytest.MonkeyPatch, changes: int) -> None:
    """Let another tool rewrite index.json so often, each time after blobs went to the trash."""
    real, pending = Quarantine.add, [tree.path / "index.json"] * changes

    def add(trash: Quarantine, run: str, digests: Iterable[Digest]) -> int:
        moved = real(trash, run, digests)
        if pending:
            path = pending.pop()
            path.write_bytes(path.read_bytes() + b"\n")
        return moved

    monkeypatch.setattr(Quarantine, "add", add)


def test_a_change_of_the_names_meanwhile_makes_it_decide_again(
    cache: Cache, populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = cache.plan_collection(grace=0)
    meddle(populated, monkeypatch, 2)
    cache.collect(plan)
    assert populated.blobs() == APP.digests | TOOL.digests


def test_a_sweep_that_never_sees_stable_names_restores_every_blob(
    cache: Cache, populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = cache.plan_collection(grace=0)
    before = populated.blobs()
    meddle(populated, monkeypatch, 50)

    with pytest.raises(CacheBusy, match=r"index\.json"):
        cache.collect(plan)

    assert populated.blobs() == before
    assert not list((populated.path / ".cachedb" / "trash").iterdir())


def test_a_name_that_comes_while_blobs_are_taken_keeps_them(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = build.image(build.layer({"extra": ""}))
    populated.put(*extra.blobs)
    real = Quarantine.sync

    def sync(trash: Quarantine, run: str) -> None:
        real(trash, run)
        if "extra" not in str(populated.entries()):
            populated.name(extra, "example.com/extra:1")

    monkeypatch.setattr(Quarantine, "sync", sync)
    with Cache.open(populated.path) as cache:
        assert extra.digest not in {str(c.digest) for c in collect(cache).removed}
    assert populated.blobs() == APP.digests | TOOL.digests | extra.digests


def test_what_an_operation_begins_to_need_while_it_is_taken_is_given_back(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has said so, and then looked and found it: the plan was made before both."""
    real = Quarantine.add
    with Cache.open(populated.path) as cache, ExitStack() as operation:

        def add(trash: Quarantine, run: str, digest: Digest) -> bool:
            if not cache.layout.active_leases():
                lease = operation.enter_context(leasing(cache.layout, cache.catalog))
                lease.hold([Digest(ORPHAN)])
                assert cache.layout.blobs.stat(Digest(ORPHAN)) is not None
            return real(trash, run, digest)

        monkeypatch.setattr(Quarantine, "add", add)
        assert collect(cache).removed == ()
        assert ORPHAN in populated.blobs()


def test_a_killed_collection_is_undone_by_the_next_open(
    cache: Cache, populated: build.Tree
) -> None:
    before = populated.blobs()
    digest = cache.find_root(ORPHAN).digest
    with cache.layout.quarantine() as trash:
        trash.add("killed", [digest])
    assert ORPHAN not in populated.blobs()

    with Cache.open(populated.path) as again:
        assert populated.blobs() == before
        collect(again)
        assert ORPHAN not in populated.blobs()


def test_a_running_collection_is_not_undone(cache: Cache, populated: build.Tree) -> None:
    digest = cache.find_root(ORPHAN).digest
    holding, done = threading.Event(), threading.Event()

    def run() -> None:
        with cache.layout.sweeping(), cache.layout.quarantine() as trash:
            trash.add("running", [digest])
            holding.set()
            done.wait(120)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert holding.wait(120)
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
    assert not list((private / "trash").iterdir())
    assert left <= {
        "index.db", "index.db-journal", "gc.lock", "stage.lock", "reserved",
        "journal.jsonl", "journal.lock", "cache-id",
    }  # fmt: skip


# -- quarantine ---------------------------------------------------------------------------------


def runs(tree: build.Tree) -> list[Path]:
    return sorted((tree.path / ".cachedb" / "trash").iterdir())


def discard(tree: build.Tree, quarantine: float = 3600) -> sweep.GCReport:
    """Collect as the command does by default, but for the grace: everything here is young."""
    with Cache.open(tree.path) as cache:
        return cache.collect(cache.plan_collection(grace=0, quarantine=quarantine))


def test_what_is_removed_stays_in_the_trash_for_a_while(populated: build.Tree) -> None:
    size = populated.blob_path(ORPHAN).stat().st_size
    report = discard(populated)

    assert (report.freed, report.quarantined) == (0, size)
    assert populated.blobs() == APP.digests | TOOL.digests
    assert [len(list(run.iterdir())) for run in runs(populated)] == [1]


def test_another_collection_frees_it_when_its_time_is_over(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = populated.blob_path(ORPHAN).stat().st_size
    discard(populated)
    assert discard(populated).freed == 0
    assert len(runs(populated)) == 1

    later = time.time() + 3601
    monkeypatch.setattr("cachedb.layout.quarantine.time.time", lambda: later)

    assert discard(populated).freed == size
    assert runs(populated) == []


def test_without_a_quarantine_everything_is_freed_now(populated: build.Tree) -> None:
    size = populated.blob_path(ORPHAN).stat().st_size
    discard(populated)
    assert discard(populated, quarantine=0).freed == size
    assert runs(populated) == []


def test_a_tool_that_decided_to_reuse_a_blob_gets_it_back(populated: build.Tree) -> None:
    """skopeo looks whether a layer is there, copies the rest, and adds the name at the end."""
    orphan = build.layer({"orphan": ""})
    image = build.image(orphan, labels={"reuses": "the orphan"})
    discard(populated)
    assert orphan.digest not in populated.blobs()
    populated.put(*(blob for blob in image.blobs if blob != orphan))
    populated.name(image, "example.com/copied:1")

    with Cache.open(populated.path) as cache:
        assert image.digests <= populated.blobs()
        assert cache.verify().is_clean
        assert {each.health.value for each in cache.list()} == {"complete"}


def test_a_whole_image_whose_name_comes_back_is_given_back(populated: build.Tree) -> None:
    populated.unname("example.com/app:1")
    discard(populated)
    assert not (APP.digests - TOOL.digests) & populated.blobs()
    populated.name(APP, "example.com/again:1")

    with Cache.open(populated.path) as cache:
        assert APP.digests <= populated.blobs()
        assert cache.verify().is_clean


def test_what_a_name_needs_again_is_not_freed(populated: build.Tree) -> None:
    populated.unname("example.com/app:1")
    with Cache.open(populated.path) as cache:
        cache.collect(cache.plan_collection(grace=0, quarantine=3600))
        plan = cache.plan_collection(grace=0, quarantine=0)
        populated.name(APP, "example.com/again:1")
        cache.collect(plan)
    assert APP.digests <= populated.blobs()


def test_what_no_name_needs_is_not_given_back(populated: build.Tree) -> None:
    discard(populated)
    Cache.open(populated.path).close()
    assert ORPHAN not in populated.blobs()


def test_a_run_from_the_future_waits_for_its_time(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    discard(populated)
    earlier = time.time() - 10 * 86_400
    monkeypatch.setattr("cachedb.layout.quarantine.time.time", lambda: earlier)
    assert discard(populated, quarantine=60).freed == 0
    assert len(runs(populated)) == 1


@pytest.mark.parametrize(("grace", "is_spared"), [(3600, True), (0, False)])
def test_a_file_from_the_future_is_taken_for_new(
    populated: build.Tree, grace: float, is_spared: bool
) -> None:
    in_2099 = 4_070_908_800
    os.utime(populated.blob_path(ORPHAN), (in_2099, in_2099))
    with Cache.open(populated.path) as cache:
        cache.verify()
        cache.collect(cache.plan_collection(grace=grace, quarantine=0))
    assert (ORPHAN in populated.blobs()) == is_spared


# -- what is no blob ----------------------------------------------------------------------------

LEFTOVERS = {
    "skopeo": "oci-put-blob123",
    "regctl-blob": "blobs/sha256/123.tmp",
    "regctl-names": "index.json.4711.tmp",
    "crane": f"blobs/sha256/{'a' * 64}123456",
    "oras": f"ingest/{'a' * 64}_123",
    "linuxkit": f"ingest/{'b' * 64}/data",
    "umoci": ".umoci-x/blob-1",
    "fsverity": ".fsverity-check-1",
}
each_leftover = pytest.mark.parametrize("path", LEFTOVERS.values(), ids=LEFTOVERS)


def leave(tree: build.Tree, path: str) -> Path:
    target = tree.path / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("half")
    return target


@each_leftover
def test_what_a_tool_left_behind_is_removed_when_it_is_old(
    populated: build.Tree, path: str
) -> None:
    target = leave(populated, path)
    with Cache.open(populated.path) as cache:
        young = cache.plan_collection(grace=3600)
        assert [each.reason for each in young.spared_leftovers] == [mark.Reason.YOUNG]
        cache.collect(young)
        assert target.exists()

        plan = cache.plan_collection(grace=0)
        assert [each.reason for each in plan.leftovers] == [mark.Reason.ABANDONED]
        report = cache.collect(plan)
    assert not target.exists()
    assert report.leftovers == plan.leftovers
    assert populated.blobs() == APP.digests | TOOL.digests


@each_leftover
def test_what_a_tool_has_open_is_left_alone_however_old(populated: build.Tree, path: str) -> None:
    target = leave(populated, path)
    with (
        child.holding(f"f = open({str(target)!r}, 'a')"),
        Cache.open(populated.path) as cache,
    ):
        plan = cache.plan_collection(grace=0)
        assert [each.reason for each in plan.spared_leftovers] == [mark.Reason.IN_USE]
        cache.collect(plan)
        assert target.exists()


def test_a_file_that_is_opened_after_the_plan_is_left_alone(populated: build.Tree) -> None:
    target = leave(populated, "oci-put-blob1")
    with Cache.open(populated.path) as cache:
        plan = cache.plan_collection(grace=0)
        with child.holding(f"f = open({str(target)!r}, 'a')"):
            cache.collect(plan)
        assert target.exists()


def test_a_folder_that_umoci_has_locked_is_left_alone(populated: build.Tree) -> None:
    target = leave(populated, ".umoci-x/blob-1")
    lock = f"import fcntl, os; d = os.open({str(target.parent)!r}, os.O_RDONLY); fcntl.flock(d, 2)"
    with child.holding(lock), Cache.open(populated.path) as cache:
        cache.collect(cache.plan_collection(grace=0))
        assert target.exists()


@pytest.mark.parametrize(
    "path", ["blobs/sha256/README", "blobs/sha256/abc.tmp", "notes.txt", "ingest/notes", "x.tmp"]
)
def test_unknown_files_are_left_alone(populated: build.Tree, path: str) -> None:
    target = leave(populated, path)
    with Cache.open(populated.path) as cache:
        cache.collect(cache.plan_collection(grace=0))
    assert target.read_text() == "half"


def test_a_folder_with_folders_in_it_is_left_alone(populated: build.Tree) -> None:
    (populated.path / ".umoci-x" / "bundle").mkdir(parents=True)
    with Cache.open(populated.path) as cache:
        cache.collect(cache.plan_collection(grace=0))
    assert (populated.path / ".umoci-x" / "bundle").is_dir()


@pytest.mark.parametrize("path", LEFTOVERS.values(), ids=LEFTOVERS)
def test_a_link_where_a_leftover_could_be_is_not_followed(
    populated: build.Tree, tmp_path: Path, path: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "data").write_text("precious")
    link = populated.path / (path.rpartition("/")[0] if path.startswith((".umoci", "ingest")) else
                             path)  # fmt: skip
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside if path.startswith((".umoci", "ingest")) else outside / "data")
    with Cache.open(populated.path) as cache:
        cache.collect(cache.plan_collection(grace=0))
    assert (outside / "data").read_text() == "precious"
    assert link.is_symlink()


def test_what_was_killed_on_its_way_leaves_nothing(populated: build.Tree) -> None:
    private = populated.path / ".cachedb"
    Cache.open(populated.path).close()
    for path in ("ingest/sha256-" + "a" * 64 + ".part", "ingest/sha256-" + "b" * 64,
                 "ingest/unnamed-0123456789abcdef.part", "leases/0123456789abcdef",
                 "tmp/index.json.0123456789abcdef"):  # fmt: skip
        (private / path).parent.mkdir(exist_ok=True)
        (private / path).write_text("half")
    with Cache.open(populated.path) as cache:
        plan = cache.plan_collection(grace=0)
        assert len(plan.leftovers) == 5
        assert cache.collect(plan).leftovers == plan.leftovers
        again = cache.plan_collection(grace=0)
    assert (again.leftovers, again.spared_leftovers, again.garbage) == ((), (), ())
    left = {p.parent.name for p in private.glob("*/*")}
    assert left == set()


# -- reasons ------------------------------------------------------------------------------------


def test_every_blob_and_every_leftover_has_one_reason(populated: build.Tree) -> None:
    leave(populated, "oci-put-blob1")
    leased = build.layer({"leased": ""})
    populated.put(leased)
    with Cache.open(populated.path) as cache, leasing(cache.layout, cache.catalog) as lease:
        lease.hold([cache.find_root(leased.digest).digest])
        plan = cache.plan_collection(grace=0)
        kept = cache.kept()
    decided = [str(each.digest) for each in (*plan.garbage, *plan.spared, *kept)]
    assert sorted(decided) == sorted(populated.blobs())
    assert {str(each.digest): each.name for each in kept}[BASE.digest] == "example.com/app:1"
    reasons = {each.reason for each in (*plan.garbage, *plan.spared)}
    assert reasons == {mark.Reason.UNREACHABLE, mark.Reason.LEASED}
    assert [(each.path, each.reason) for each in plan.leftovers] == [
        ("oci-put-blob1", mark.Reason.ABANDONED)
    ]
    assert [each.reason for each in plan.spared_leftovers] == [mark.Reason.LEASED]


def test_the_run_does_what_the_plan_says_and_nothing_else(populated: build.Tree) -> None:
    leave(populated, "oci-put-blob1")
    populated.unname("example.com/app:1")
    discard(populated)
    populated.put(build.layer({"another": "orphan"}))
    with Cache.open(populated.path) as cache:
        plan = cache.plan_collection(grace=0, quarantine=0)
        before = {str(p) for p in populated.path.rglob("*") if p.is_file()}
        report = cache.collect(plan)
    gone = before - {str(p) for p in populated.path.rglob("*") if p.is_file()}
    in_trash = {path for path in gone if "/trash/" in path}
    named = {str(populated.blob_path(each.digest)) for each in plan.garbage}
    named |= {str(populated.path / each.path) for each in plan.leftovers if each.tool != "cachedb"}
    assert gone - in_trash == named
    assert report.removed == plan.garbage
    assert report.leftovers == plan.leftovers
    assert report.freed == plan.size + sum(each.size for each in plan.leftovers)


def test_the_command_says_every_reason_in_a_word(populated: build.Tree) -> None:
    from tests.interop.tools import succeed  # noqa: PLC0415

    leave(populated, "oci-put-blob1")
    told = json.loads(succeed(populated.path, "gc", "--explain", "--dry-run", "--format", "json"))
    rows = told["items"]
    assert told["summary"]["is_dry_run"]
    assert {row["digest"] for row in rows if row["digest"]} == populated.blobs()
    by_reason = {row["reason"]: row for row in rows}
    assert by_reason["young"]["path"] == "oci-put-blob1"
    assert {row["name"] for row in rows if row["reason"] == "named"} == {
        "example.com/app:1",
        "docker.io/library/tool:2",
    }
    quietly = succeed(populated.path, "gc", "--grace", "0", "--trash-ttl", "1h", "--quiet")
    assert quietly.splitlines() == [ORPHAN]
    assert ORPHAN not in populated.blobs()
    assert len(runs(populated)) == 1
    succeed(populated.path, "gc", "--trash-ttl", "0")
    assert runs(populated) == []
