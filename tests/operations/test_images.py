"""Finding, listing, measuring, validating, verifying and removing images."""

import pytest

from cachedb.cache import Cache
from cachedb.errors import AmbiguousName, BlobNotFound, RefNotFound, Refused
from cachedb.oci import Digest, Platform
from cachedb.operations.check.validate import Condition
from cachedb.operations.read.listing import Health
from tests import build
from tests.conftest import APP, BASE, TOOL

ARM = Platform.parse("linux/arm64")


def open_with(tree: build.Tree) -> Cache:
    return Cache.open(tree.path)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("docker.io/library/tool:2", id="as-it-stands"),
        pytest.param("tool:2", id="familiar"),
        pytest.param("index.docker.io/library/tool:2", id="legacy-domain"),
        pytest.param(TOOL.digest, id="digest"),
        pytest.param(TOOL.digest[:19], id="prefix-of-a-digest"),
        pytest.param(TOOL.digest[7:20], id="hex-prefix"),
        pytest.param(f"tool@{TOOL.digest}", id="name-and-digest"),
        pytest.param(f"tool:2@{TOOL.digest}", id="name-tag-and-digest"),
    ],
)
def test_a_root_is_found_by_any_form_of_its_name(cache: Cache, text: str) -> None:
    root = cache.find_root(text)
    assert (root.name, str(root.digest)) == ("docker.io/library/tool:2", TOOL.digest)


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        pytest.param("v1.0", "v1.0", id="only-a-tag"),
        pytest.param("localhost:5000/a/b", "localhost:5000/a/b:latest", id="linuxkit-no-tag"),
        pytest.param("localhost:5000/a/b", "localhost:5000/a/b", id="linuxkit-as-it-stands"),
        pytest.param("docker.io/library/x:latest", "x", id="latest-implied"),
        pytest.param("not a reference!", "not a reference!", id="no-reference-at-all"),
    ],
)
def test_a_name_is_found_as_other_tools_store_it(
    tree: build.Tree, stored: str, asked: str
) -> None:
    tree.add(TOOL, stored)
    with open_with(tree) as cache:
        assert cache.find_root(asked).name == stored


def test_an_unknown_name_gives_the_nearest(cache: Cache) -> None:
    with pytest.raises(RefNotFound) as caught:
        cache.find_root("docker.io/library/tol:2")
    assert "docker.io/library/tool:2" in caught.value.candidates


def test_an_unknown_digest_is_said_to_be_one(cache: Cache) -> None:
    with pytest.raises(BlobNotFound):
        cache.find_root(Digest.of(b"nothing"))


def test_a_prefix_that_is_too_short_is_no_digest(cache: Cache) -> None:
    with pytest.raises(RefNotFound, match="no such reference"):
        cache.find_root(TOOL.digest[7:12])


def test_a_name_for_two_images_is_refused_with_both(tree: build.Tree) -> None:
    other = tree.add(build.image(BASE), "x/y:2")
    tree.add(TOOL, "x/y:1")
    first, second = tree.entries()
    second["annotations"] = first["annotations"]
    tree.write_entries([first, second])
    with open_with(tree) as cache, pytest.raises(AmbiguousName, match="2 images") as caught:
        cache.find_root("x/y:2")
    assert set(caught.value.candidates) == {f"x/y:2@{each.digest}" for each in (other, TOOL)}


def test_every_ref_that_reaches_a_blob_is_told_with_its_route(cache: Cache) -> None:
    routes = cache.why(Digest(BASE.digest))

    assert [route.name for route in routes] == ["example.com/app:1", "docker.io/library/tool:2"]
    for route, root in zip(routes, (APP, TOOL), strict=True):
        assert str(route.steps[0].digest) == root.digest
        assert str(route.steps[-1].digest) == BASE.digest
    assert len(routes[0].steps) == 3
    assert len(routes[1].steps) == 2


def test_nothing_reaches_an_orphan(cache: Cache) -> None:
    assert cache.why(Digest(build.layer({"orphan": ""}).digest)) == ()


def test_nested_indexes_of_one_image_have_one_path_to_it(tree: build.Tree) -> None:
    inner = build.index(TOOL)
    outer = build.index(TOOL, inner)
    tree.add(outer, "example.com/nested:1")
    with open_with(tree) as cache:
        (route,) = cache.why(Digest(TOOL.digest))
        assert str(route.steps[0].digest) == outer.digest


def test_the_list_says_platforms_sizes_and_health(cache: Cache) -> None:
    tool, app = cache.list()

    assert (tool.name, app.name) == ("docker.io/library/tool:2", "example.com/app:1")
    assert [str(p) for p in app.platforms] == ["linux/amd64", "linux/arm64"]
    assert [str(p) for p in tool.platforms] == ["linux/amd64"]
    assert app.size == sum(blob.size for blob in APP.blobs)
    assert {app.health, tool.health} == {Health.COMPLETE}


def test_a_missing_platform_is_partial_and_a_missing_layer_is_broken(
    populated: build.Tree,
) -> None:
    arm = APP.document["manifests"][1]["digest"]
    populated.delete(arm)
    populated.delete(TOOL.layers[1].digest)
    with open_with(populated) as cache:
        health = {listing.name: listing.health for listing in cache.list()}
    assert health == {
        "example.com/app:1": Health.PARTIAL,
        "docker.io/library/tool:2": Health.BROKEN,
    }


def test_the_sizes_add_up_to_what_is_on_disk(cache: Cache, populated: build.Tree) -> None:
    usage = cache.usage()
    on_disk = sum(f.stat().st_size for f in (populated.path / "blobs/sha256").iterdir())

    assert usage.total == on_disk == usage.exclusive + usage.shared + usage.garbage
    assert usage.garbage == build.layer({"orphan": ""}).size
    shared = APP.digests & TOOL.digests
    assert usage.shared == sum(b.size for b in APP.blobs if b.digest in shared)
    for image in usage.images:
        assert image.size == image.shared + image.exclusive


def test_a_joint_removal_frees_what_only_its_images_share(cache: Cache) -> None:
    both = cache.usage_of(["example.com/app:1", "tool:2"])
    assert (
        both.exclusive
        == both.size
        == sum(blob.size for blob in {b.digest: b for b in (*APP.blobs, *TOOL.blobs)}.values())
    )


def test_each_platform_is_validated(populated: build.Tree) -> None:
    arm = APP.document["manifests"][1]["digest"]
    populated.delete(arm)
    with open_with(populated) as cache:
        (app,) = cache.validate(["example.com/app:1"])
        (wanted,) = cache.validate(["example.com/app:1"], [ARM])

    assert [report.condition for report in app.platforms] == [
        Condition.COMPLETE,
        Condition.NOT_PULLED,
    ]
    assert app.is_valid
    assert not wanted.is_valid
    assert wanted.wanted == (ARM,)


def test_a_platform_that_the_config_denies_is_a_finding(tree: build.Tree) -> None:
    amd = build.image(BASE)
    lying = build.index(amd)
    document = lying.document
    document["manifests"][0]["platform"] = {"os": "linux", "architecture": "riscv64"}
    content = build.to_json(document)
    thing = build.Thing(root=build.Blob(content, build.OCI_INDEX), parts=amd.blobs)
    tree.add(thing, "example.com/lying:1")
    with open_with(tree) as cache:
        (found,) = cache.validate(["example.com/lying:1"])

    (report,) = found.platforms
    assert report.condition is Condition.MISMATCHED
    assert (str(report.declared), str(report.configured)) == ("linux/riscv64", "linux/amd64")
    assert not found.is_valid


def test_the_missing_layer_is_named(populated: build.Tree) -> None:
    lost = TOOL.layers[1].digest
    populated.delete(lost)
    with open_with(populated) as cache:
        (found,) = cache.validate(["tool:2"])
    (report,) = found.platforms
    assert report.condition is Condition.INCOMPLETE
    assert [str(digest) for digest in report.missing] == [lost]


def test_a_size_that_a_manifest_gets_wrong_is_a_finding(tree: build.Tree) -> None:
    document = TOOL.document
    document["layers"][1]["size"] += 1
    lying = build.Blob(build.to_json(document), build.OCI_MANIFEST)
    tree.add(build.Thing(root=lying, parts=TOOL.parts), "example.com/lying:1")
    with open_with(tree) as cache:
        (found,) = cache.validate()
    (report,) = found.platforms
    size = TOOL.layers[1].size
    assert report.condition is Condition.CORRUPT
    assert report.problem == (
        f"{TOOL.layers[1].digest} has {size} bytes, and {size + 1} are declared"
    )


def test_what_index_json_gets_wrong_is_a_finding(tree: build.Tree) -> None:
    tree.add(TOOL, "example.com/size:1", size=7)
    tree.add(TOOL, "example.com/right:1")
    tree.add(APP, "example.com/type:1", mediaType=build.OCI_MANIFEST)
    with open_with(tree) as cache:
        found = {each.name: each for each in cache.validate()}
    assert {name for name, each in found.items() if not each.is_valid} == {
        "example.com/size:1",
        "example.com/type:1",
    }
    assert found["example.com/size:1"].problem == (
        f"it has {TOOL.size} bytes, and index.json declares 7"
    )
    assert "ambiguous" in (found["example.com/type:1"].problem or "")


def test_attestations_are_no_platforms(tree: build.Tree) -> None:
    image = build.image(BASE)
    attested = build.index(image, build.attestation(image))
    tree.add(attested, "example.com/attested:1")
    with open_with(tree) as cache:
        (listing,) = cache.list()
        (found,) = cache.validate()
    assert [str(p) for p in listing.platforms] == ["linux/amd64"]
    assert [report.is_attestation for report in found.platforms] == [False, True]
    assert found.is_valid


def test_a_flipped_byte_is_found_and_takes_its_images_along(populated: build.Tree) -> None:
    with open_with(populated) as cache:
        assert cache.verify().is_clean
    populated.flip(BASE.digest)
    with open_with(populated) as cache:
        verification = cache.verify()
        health = {listing.health for listing in cache.list()}

    (finding,) = verification.findings
    assert str(finding.digest) == BASE.digest
    assert set(finding.names) == {"example.com/app:1", "docker.io/library/tool:2"}
    assert health == {Health.BROKEN}


def test_a_missing_blob_is_a_finding_too(populated: build.Tree) -> None:
    populated.delete(BASE.digest)
    with open_with(populated) as cache:
        (finding,) = cache.verify(["tool:2"]).findings
    assert (str(finding.digest), finding.why) == (BASE.digest, "is missing")


def test_a_healed_blob_is_well_again(populated: build.Tree) -> None:
    populated.flip(BASE.digest)
    with open_with(populated) as cache:
        assert not cache.verify().is_clean
        populated.overwrite(BASE.digest, BASE.content)
    with open_with(populated) as cache:
        assert cache.verify().is_clean
        assert {listing.health for listing in cache.list()} == {Health.COMPLETE}


def test_names_are_removed_and_blobs_stay(cache: Cache, populated: build.Tree) -> None:
    before = populated.blobs()
    plan = cache.plan_removal(["tool:2"])

    cache.remove(plan)

    assert [listing.name for listing in cache.list()] == ["example.com/app:1"]
    assert populated.blobs() == before
    assert plan.freed == sum(b.size for b in TOOL.blobs if b.digest not in APP.digests)


def test_a_name_that_is_not_there_is_told_and_keeps_no_other(
    cache: Cache, populated: build.Tree
) -> None:
    plan = cache.plan_removal(["tol:2", "tool:2", "sha256:" + "a" * 64])
    assert [type(each) for each in plan.absent] == [RefNotFound, BlobNotFound]
    assert plan.absent[0].hint == "did you mean docker.io/library/tool:2?"
    cache.remove(plan)
    assert [e["annotations"][build.REF_NAME] for e in populated.entries()] == ["example.com/app:1"]


def test_names_that_are_not_there_do_not_stand_for_all(cache: Cache) -> None:
    assert cache.plan_removal(["nope"]).roots == ()


def test_a_blob_without_a_name_cannot_be_removed(cache: Cache) -> None:
    with pytest.raises(Refused, match="without an entry"):
        cache.plan_removal([BASE.digest])


def test_a_name_that_moved_since_the_plan_stays(cache: Cache, populated: build.Tree) -> None:
    plan = cache.plan_removal(["example.com/app:1"])
    populated.name(TOOL, "example.com/app:1")

    assert cache.remove(plan) == ()
    assert any(
        e["annotations"][build.REF_NAME] == "example.com/app:1" for e in populated.entries()
    )


def test_a_name_that_is_there_twice_is_removed_twice(tree: build.Tree) -> None:
    tree.add(TOOL, "x/y:1")
    entry = tree.entries()[0]
    tree.write_entries([entry, entry])
    with open_with(tree) as cache:
        cache.remove(cache.plan_removal(["x/y:1"]))
    assert tree.entries() == []


def test_unknown_fields_survive_a_removal(populated: build.Tree) -> None:
    entries = populated.entries()
    entries[0]["x-unknown"] = {"kept": [1, 2]}
    document = {**populated.document(), "x-top": "kept", "manifests": entries}
    populated.write_index(build.to_json(document))
    with open_with(populated) as cache:
        cache.remove(cache.plan_removal(["tool:2"]))
    assert populated.document()["x-top"] == "kept"
    assert populated.entries()[0]["x-unknown"] == {"kept": [1, 2]}


def test_without_our_folder_nothing_is_lost(cache: Cache, populated: build.Tree) -> None:
    def answers() -> object:
        with Cache.open(populated.path) as opened:
            return opened.list(), opened.usage(), opened.validate()

    before = answers()
    for file in (populated.path / ".cachedb").iterdir():
        if file.is_file():
            file.unlink()
    assert answers() == before
