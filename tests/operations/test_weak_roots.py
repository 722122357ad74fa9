"""Entries without a name for referrers: what keeps them, and what goes with them."""

import io
import json

import pytest

from cachedb.cache import Cache
from cachedb.errors import Refused
from cachedb.feedback.progress import UNWATCHED
from cachedb.operations.archives.export import ExportOptions
from cachedb.operations.archives.import_ import ImportOptions
from cachedb.operations.gc.mark import Reason
from cachedb.operations.gc.retention import Policy
from cachedb.query.syntax.parser import parse
from tests import build
from tests.operations import kinds
from tests.operations.registries import Holding, Place, fetch, on_disk, put, send

IMAGE = kinds.image("referred")
SIGNATURE = build.signature(IMAGE)
SBOM = build.sbom(SIGNATURE)
ALL = IMAGE.digests | SIGNATURE.digests | SBOM.digests
NAME, OTHER = "example.com/a:1", "example.com/b:1"


def entries(cache: Cache) -> list[tuple[str | None, str]]:
    """Return the names and the digests of index.json."""
    return [(ref.name, str(ref.descriptor.digest)) for ref in cache.layout.index().refs]


@pytest.fixture
def referred(tree: build.Tree) -> build.Tree:
    """A layout with an image, and a signature and its SBOM as entries without a name."""
    tree.add(IMAGE, NAME)
    tree.add(SIGNATURE)
    tree.add(SBOM)
    return tree


def test_pull_gives_referrers_entries_without_a_name(
    holding: Holding, empty: Cache, place: Place
) -> None:
    assert send(holding({place.name: IMAGE}, SIGNATURE, SBOM), place.name).failures == ()

    fetch(empty, place.host, place.short, has_referrers=True)

    assert entries(empty)[0] == (place.name, IMAGE.digest)
    assert set(entries(empty)[1:]) == {(None, SIGNATURE.digest), (None, SBOM.digest)}
    listed = {
        each["digest"]: each for each in json.loads(empty.layout.read_index_json())["manifests"]
    }
    assert listed[SBOM.digest]["artifactType"] == build.SPDX


def test_a_pull_that_finds_all_in_place_adds_the_entries_that_lack(
    holding: Holding, empty: Cache, place: Place
) -> None:
    assert send(holding({place.name: IMAGE}, SIGNATURE), place.name).failures == ()
    fetch(empty, place.host, place.short, has_referrers=True)
    empty.layout.replace_index(empty.layout.index().without(lambda ref: ref.name is None))

    fetch(empty, place.host, place.short, has_referrers=True)

    assert (None, SIGNATURE.digest) in entries(empty)


def test_removing_the_last_name_removes_the_weak_roots_of_the_image(referred: build.Tree) -> None:
    with Cache.open(referred.path) as cache:
        plan = cache.plan_removal([NAME])
        cache.remove(plan)

        assert entries(cache) == []
        report = cache.collect(cache.plan_collection(grace=0))
        assert report.freed == plan.freed
        assert on_disk(cache) == set()


def test_a_weak_root_stays_while_another_name_reaches_its_subject(referred: build.Tree) -> None:
    referred.add(build.index(IMAGE), OTHER)
    with Cache.open(referred.path) as cache:
        cache.remove(cache.plan_removal([NAME]))

        assert {digest for name, digest in entries(cache) if name is None} == {
            SIGNATURE.digest,
            SBOM.digest,
        }
        assert cache.collect(cache.plan_collection(grace=0)).freed == 0


def test_removing_an_image_leaves_unnamed_artifacts_of_absent_subjects(tree: build.Tree) -> None:
    lonely = build.signature(kinds.image("elsewhere"))
    tree.add(IMAGE, NAME)
    tree.add(lonely)
    with Cache.open(tree.path) as cache:
        cache.remove(cache.plan_removal([NAME]))

        assert entries(cache) == [(None, lonely.digest)]


def test_discarding_an_image_deletes_its_referrers(referred: build.Tree) -> None:
    with Cache.open(referred.path) as cache:
        cache.discard(cache.plan_removal([NAME]).roots)

        assert on_disk(cache) == set()


def test_retention_removes_weak_roots_with_the_last_name(referred: build.Tree) -> None:
    referred.add(kinds.image("kept"), OTHER)
    with Cache.open(referred.path) as cache:
        plan = cache.plan_retention(Policy(drop=(parse("name:a"),)))
        cache.remove(plan.removal)

        assert [name for name, _ in entries(cache)] == [OTHER]


def test_retention_refuses_to_drop_every_image_although_weak_roots_would_stay(
    referred: build.Tree,
) -> None:
    with (
        Cache.open(referred.path) as cache,
        pytest.raises(Refused),
    ):
        cache.plan_retention(Policy(drop=(parse("name:a"),)))


def test_a_pull_of_a_moved_tag_removes_the_weak_roots_of_the_old_image(
    holding: Holding, empty: Cache, place: Place
) -> None:
    assert send(holding({place.name: IMAGE}, SIGNATURE), place.name).failures == ()
    fetch(empty, place.host, place.short, has_referrers=True)
    moved = kinds.image("moved")
    put(place.host, place.path, moved)

    fetch(empty, place.host, place.short, has_referrers=True)

    assert entries(empty) == [(place.name, moved.digest)]
    empty.collect(empty.plan_collection(grace=0))
    assert on_disk(empty) == moved.digests


def test_a_tag_that_moves_to_an_index_of_the_image_keeps_its_weak_roots(
    holding: Holding, empty: Cache, place: Place
) -> None:
    assert send(holding({place.name: IMAGE}, SIGNATURE, SBOM), place.name).failures == ()
    fetch(empty, place.host, place.short, has_referrers=True)
    put(place.host, place.path, build.index(IMAGE))

    fetch(empty, place.host, place.short)

    assert {digest for name, digest in entries(empty) if name is None} == {
        SIGNATURE.digest,
        SBOM.digest,
    }


@pytest.mark.parametrize(
    "name", [pytest.param(OTHER, id="named"), pytest.param(None, id="unnamed")]
)
def test_gc_keeps_the_subject_of_an_artifact_in_index_json(
    tree: build.Tree, name: str | None
) -> None:
    tree.put(*IMAGE.blobs, *SIGNATURE.blobs)
    tree.add(SBOM, name)
    with Cache.open(tree.path) as cache:
        plan = cache.plan_collection(grace=0)

        assert {each.reason for each in plan.spared} == {Reason.SUBJECT}
        assert cache.collect(plan).freed == 0
        assert on_disk(cache) == ALL


def test_import_keeps_the_entries_of_referrers(referred: build.Tree, empty: Cache) -> None:
    empty.import_directory(referred.path, ImportOptions(), UNWATCHED)

    assert entries(empty) == [(NAME, IMAGE.digest), (None, SIGNATURE.digest), (None, SBOM.digest)]


def test_import_finds_referrers_without_entries(tree: build.Tree, empty: Cache) -> None:
    tree.add(IMAGE, NAME)
    tree.put(*SIGNATURE.blobs, *SBOM.blobs, *build.signature(kinds.image("elsewhere")).blobs)

    empty.import_directory(tree.path, ImportOptions(), UNWATCHED)

    assert on_disk(empty) == ALL
    assert entries(empty)[0] == (NAME, IMAGE.digest)
    assert set(entries(empty)[1:]) == {(None, SIGNATURE.digest), (None, SBOM.digest)}


def test_import_leaves_out_a_referrer_that_lacks_a_blob(tree: build.Tree, empty: Cache) -> None:
    tree.add(IMAGE, NAME)
    tree.put(SIGNATURE.root)

    empty.import_directory(tree.path, ImportOptions(), UNWATCHED)

    assert entries(empty) == [(NAME, IMAGE.digest)]
    assert on_disk(empty) == IMAGE.digests


def test_an_image_that_is_named_anew_keeps_its_referrers(
    referred: build.Tree, empty: Cache
) -> None:
    with Cache.open(referred.path) as cache:
        plan = cache.plan_export([NAME], ExportOptions())
        archive = io.BytesIO(b"".join(cache.export_chunks(plan)))

    empty.import_archive(archive, "the archive", ImportOptions(name=OTHER), UNWATCHED)

    assert entries(empty)[0] == (OTHER, IMAGE.digest)
    assert {digest for name, digest in entries(empty) if name is None} == {
        SIGNATURE.digest,
        SBOM.digest,
    }


@pytest.mark.parametrize("artifact", ["its name", "a list of referrers", "an artifact of its own"])
def test_what_removal_can_free_leaves_out_the_subject_of_a_name_that_stays(
    tree: build.Tree, artifact: str
) -> None:
    tree.add(IMAGE, NAME)
    tree.put(*SIGNATURE.blobs)
    kept = {
        "its name": SIGNATURE,
        "a list of referrers": build.index(SIGNATURE),
        "an artifact of its own": SBOM,
    }[artifact]
    tree.add(kept, OTHER)
    with Cache.open(tree.path) as cache:
        plan = cache.plan_removal([NAME])
        cache.remove(plan)

        assert plan.freed == 0
        collection = cache.plan_collection(grace=0)
        assert {each.reason for each in collection.spared} == {Reason.SUBJECT}
        assert cache.collect(collection).freed == 0
        assert IMAGE.digests <= on_disk(cache)

        second = cache.plan_removal([OTHER])
        cache.remove(second)
        assert cache.collect(cache.plan_collection(grace=0)).freed > second.freed > 0
        assert on_disk(cache) == set()


def test_removing_an_image_names_the_tags_that_stay_and_refer_to_it_by_digest(
    tree: build.Tree,
) -> None:
    tag = IMAGE.digest.replace(":", "-")
    listed, signed = f"example.com/a:{tag}", f"example.com/a:{tag}.sig"
    tree.add(IMAGE, NAME)
    tree.add(IMAGE, OTHER)
    tree.put(*SIGNATURE.blobs)
    tree.add(build.index(SIGNATURE), listed)
    tree.add(kinds.image("signatures"), signed)
    with Cache.open(tree.path) as cache:
        assert cache.plan_removal([NAME]).tagged == ()
        assert [each.name for each in cache.plan_removal([NAME, OTHER]).tagged] == [listed, signed]
        assert [each.name for each in cache.plan_removal([NAME, OTHER, signed]).tagged] == [listed]
