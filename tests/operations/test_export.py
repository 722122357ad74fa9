"""What leaves the cache: which platforms, under which name, complete or not at all."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from cachedb.cache import Cache
from cachedb.errors import (
    BlobNotFound,
    CacheError,
    CorruptBlob,
    InvalidInput,
    NotFound,
    PlatformNotFound,
    Refused,
)
from cachedb.oci import Platform
from cachedb.oci.platform.model import this_machine
from cachedb.operations.archives.export import ExportOptions
from cachedb.operations.archives.export_formats import Form
from tests import build
from tests.conftest import APP, TOOL

NAME = "example.com/app:1"
AMD, ARM = (Platform.parse(text) for text in ("linux/amd64", "linux/arm64"))


def exported(cache: Cache, *names: str, **options: Any) -> dict[str, bytes]:
    """Export, and return the files of the archive."""
    plan = cache.plan_export(names, ExportOptions(**options))
    content = b"".join(cache.export_chunks(plan))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {
            member.name: found.read()
            for member in archive
            if (found := archive.extractfile(member)) is not None
        }


def entries(files: dict[str, bytes]) -> list[Any]:
    found: list[Any] = json.loads(files["index.json"])["manifests"]
    return found


def digests(files: dict[str, bytes]) -> set[str]:
    return {
        name.removeprefix("blobs/").replace("/", ":")
        for name in files
        if name.startswith("blobs/")
    }


def images(thing: build.Thing) -> list[Any]:
    found: list[Any] = thing.document["manifests"]
    return found


# -- OCI archives --------------------------------------------------------------------------------


def test_with_all_platforms_the_index_leaves_as_it_is(cache: Cache) -> None:
    files = exported(cache, NAME)
    assert digests(files) == APP.digests
    (entry,) = entries(files)
    assert entry["digest"] == APP.digest
    assert entry["annotations"] == {build.REF_NAME: NAME, build.CONTAINERD_NAME: NAME}


def test_all_platforms_that_there_are_asked_for_one_by_one_are_the_index_too(cache: Cache) -> None:
    assert entries(exported(cache, NAME, platforms=(ARM, AMD)))[0]["digest"] == APP.digest


def test_one_platform_is_written_without_an_index(cache: Cache) -> None:
    files = exported(cache, NAME, platforms=(ARM,))
    (entry,) = entries(files)
    assert entry["digest"] == images(APP)[1]["digest"]
    assert entry["mediaType"] == build.OCI_MANIFEST
    assert len(digests(files)) == 4  # two layers, the config, the manifest


THREE = [
    build.image(build.layer({"arch": arch}), arch=arch, variant=variant)
    for arch, variant in (("amd64", ""), ("arm64", "v8"), ("arm", "v7"))
]


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_some_platforms_are_an_index_of_these_and_what_is_said_about_them(
    tree: build.Tree, docker: bool
) -> None:
    attested = [build.attestation(THREE[0]), build.attestation(THREE[2])]
    stated = build.attestation_artifact(THREE[1])
    whole = build.index(
        *THREE, *attested, stated, docker=docker, annotations={"org.example.kept": "yes"}
    )
    tree.add(whole, NAME)
    with Cache.open(tree.path) as cache:
        files = exported(cache, NAME, platforms=(AMD, ARM))
    (entry,) = entries(files)
    index = json.loads(files["blobs/" + entry["digest"].replace(":", "/")])
    kept = [THREE[0], THREE[1], attested[0], stated]
    assert [each["digest"] for each in index["manifests"]] == [each.digest for each in kept]
    assert index["annotations"] == {"org.example.kept": "yes"}
    assert index["mediaType"] == entry["mediaType"] == whole.media_type
    expected = {digest for each in kept for digest in each.digests}
    assert digests(files) == expected | {entry["digest"]}


def test_platforms_that_were_not_pulled_are_left_out_and_named(tree: build.Tree) -> None:
    whole = build.index(*THREE)
    tree.put(whole.root, *THREE[0].blobs, *THREE[2].blobs)
    tree.name(whole, NAME)
    with Cache.open(tree.path) as cache:
        (image,) = cache.plan_export([NAME], ExportOptions()).images
        files = exported(cache, NAME)
        with pytest.raises(NotFound, match="was not pulled") as caught:
            exported(cache, NAME, platforms=(ARM,))
    assert image.left_out == ("linux/arm64/v8",)
    assert caught.value.hint == f"cachedb pull --platform linux/arm64/v8 {NAME}"
    assert digests(files) == THREE[0].digests | THREE[2].digests | {image.digest}


def test_several_images_share_an_archive(cache: Cache) -> None:
    files = exported(cache, NAME, "tool:2")
    assert digests(files) == APP.digests | TOOL.digests
    assert [entry["annotations"][build.REF_NAME] for entry in entries(files)] == [
        NAME,
        "docker.io/library/tool:2",
    ]


def test_an_image_can_be_named_anew(cache: Cache) -> None:
    (entry,) = entries(exported(cache, NAME, name="other.example/x:2"))
    assert entry["annotations"][build.REF_NAME] == "other.example/x:2"
    with pytest.raises(InvalidInput, match="one name"):
        exported(cache, NAME, "tool:2", name="other.example/x:2")


def test_what_an_entry_says_besides_its_name_stays_and_a_pin_does_not(tree: build.Tree) -> None:
    notes = {"org.example.note": "a", "io.cachedb.pin": "yes"}
    tree.add(TOOL, "latest", annotations=notes)
    with Cache.open(tree.path) as cache:
        (entry,) = entries(exported(cache, "latest"))
    # A bare tag is no name that containerd or docker would take.
    assert entry["annotations"] == {"org.example.note": "a", build.REF_NAME: "latest"}


def test_nested_indexes_are_reached(tree: build.Tree) -> None:
    tree.add(build.index(THREE[0], build.index(*THREE[1:])), NAME)
    with Cache.open(tree.path) as cache:
        files = exported(cache, NAME, platforms=(Platform.parse("linux/arm/v7"),))
        assert digests(files) == THREE[2].digests
        assert digests(exported(cache, NAME)) >= {d for each in THREE for d in each.digests}


def test_a_foreign_layer_may_be_absent(tree: build.Tree) -> None:
    foreign = build.layer({"big": ""}, media_type=build.FOREIGN_LAYER)
    image = build.image(build.layer(), foreign)
    tree.add(image, NAME)
    tree.delete(foreign.digest)
    with Cache.open(tree.path) as cache:
        assert digests(exported(cache, NAME)) == image.digests - {foreign.digest}
        with pytest.raises(BlobNotFound):
            exported(cache, NAME, form=Form.FILESYSTEM)


def test_an_artifact_leaves_as_it_is_and_has_no_file_system(tree: build.Tree) -> None:
    artifact = tree.add(build.artifact(), NAME)
    with Cache.open(tree.path) as cache:
        assert digests(exported(cache, NAME)) == artifact.digests
        with pytest.raises(InvalidInput, match="not an image"):
            exported(cache, NAME, form=Form.FILESYSTEM)


# -- one platform --------------------------------------------------------------------------------


def test_docker_gets_the_platform_of_this_machine(tree: build.Tree) -> None:
    here = this_machine()
    mine = build.image(build.layer({"x": "mine"}), arch=here.architecture, variant=here.variant)
    other = build.image(build.layer({"x": "other"}), arch="s390x")
    tree.add(build.index(other, mine), NAME)
    with Cache.open(tree.path) as cache:
        files = exported(cache, NAME, form=Form.DOCKER)
        assert exported(cache, NAME, form=Form.FILESYSTEM) == {"x": b"mine"}
    (listed,) = json.loads(files["manifest.json"])
    assert listed["Config"] == mine.config.digest
    assert listed["RepoTags"] == [NAME]


def test_the_only_platform_is_taken_by_default(tree: build.Tree) -> None:
    image = build.image(build.layer({"x": "s390x"}), arch="s390x")
    tree.add(build.index(image, build.attestation(image)), NAME)
    with Cache.open(tree.path) as cache:
        assert exported(cache, NAME, form=Form.FILESYSTEM) == {"x": b"s390x"}


def test_two_names_of_one_image_are_one_image_with_two_tags(tree: build.Tree) -> None:
    tree.add(TOOL, "example.com/a:1")
    tree.add(TOOL, "example.com/b:2")
    tree.add(THREE[0], "c@" + THREE[0].digest)
    with Cache.open(tree.path) as cache:
        names = ("example.com/a:1", "example.com/b:2", "c@" + THREE[0].digest)
        listed = json.loads(exported(cache, *names, form=Form.DOCKER)["manifest.json"])
    assert [each["RepoTags"] for each in listed] == [["example.com/a:1", "example.com/b:2"], None]


@pytest.mark.parametrize("form", [Form.DOCKER, Form.FILESYSTEM])
def test_a_form_for_one_platform_refuses_several(cache: Cache, form: Form) -> None:
    with pytest.raises(InvalidInput, match="one platform"):
        exported(cache, NAME, platforms=(AMD, ARM), form=form)


def test_a_file_tree_is_of_one_image(cache: Cache) -> None:
    with pytest.raises(InvalidInput, match="one image"):
        exported(cache, NAME, "tool:2", form=Form.FILESYSTEM)


@pytest.mark.parametrize("form", list(Form))
def test_an_image_of_another_platform_is_refused_unless_forced(cache: Cache, form: Form) -> None:
    with pytest.raises(PlatformNotFound, match=r"it has linux/amd64"):
        exported(cache, "tool:2", platforms=(ARM,), form=form)
    assert exported(cache, "tool:2", platforms=(ARM,), form=form, is_forced=True)


@pytest.mark.parametrize("form", list(Form))
def test_an_image_that_contradicts_its_index_is_refused_unless_forced(
    tree: build.Tree, form: Form
) -> None:
    liar = build.image(build.layer({"x": "amd64"}), declared=build.platform_of("arm64"))
    tree.add(build.index(liar, THREE[0]), NAME)
    with Cache.open(tree.path) as cache:
        with pytest.raises(Refused, match="has a config for linux/amd64"):
            exported(cache, NAME, platforms=(ARM,), form=form)
        assert exported(cache, NAME, platforms=(ARM,), form=form, is_forced=True)


def test_a_variant_that_runs_here_will_do_and_the_very_one_is_better(tree: build.Tree) -> None:
    v6, v7 = (
        build.image(build.layer({"v": variant}), arch="arm", variant=variant)
        for variant in ("v6", "v7")
    )
    tree.add(build.index(v6, v7), NAME)
    tree.add(build.index(v6, THREE[0]), "example.com/old:1")
    with Cache.open(tree.path) as cache:
        wanted: dict[str, Any] = {
            "platforms": (Platform.parse("linux/arm/v7"),),
            "form": Form.FILESYSTEM,
        }
        assert exported(cache, NAME, **wanted) == {"v": b"v7"}
        assert exported(cache, "example.com/old:1", **wanted) == {"v": b"v6"}


# -- what is wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("part", ["layer", "manifest"])
def test_what_is_missing_is_told_before_anything_is_written(
    tree: build.Tree, form: Form, part: str
) -> None:
    tree.add(TOOL, NAME)
    tree.delete(TOOL.layers[0].digest if part == "layer" else TOOL.digest)
    with Cache.open(tree.path) as cache, pytest.raises(BlobNotFound):
        cache.plan_export([NAME], ExportOptions(form=form))


@pytest.mark.parametrize("form", list(Form))
def test_wrong_bytes_never_leave_as_if_they_were_right(tree: build.Tree, form: Form) -> None:
    tree.add(TOOL, NAME)
    with Cache.open(tree.path) as cache:
        plan = cache.plan_export([NAME], ExportOptions(form=form))
        tree.flip(TOOL.layers[1].digest, position=-1)
        with pytest.raises(CacheError):
            b"".join(cache.export_chunks(plan))
        tree.truncate(TOOL.layers[0].digest)
        with pytest.raises(CorruptBlob):
            cache.plan_export([NAME], ExportOptions(form=form))


def test_a_blob_is_not_an_image(cache: Cache) -> None:
    with pytest.raises(InvalidInput, match="not an image"):
        exported(cache, TOOL.config.digest)


def test_an_export_writes_nothing_into_the_layout_but_its_record_in_the_journal(
    cache: Cache, populated: build.Tree
) -> None:
    def state() -> dict[Path, int]:
        files = (path for path in populated.path.rglob("*") if path.is_file())
        return {p: p.stat().st_mtime_ns for p in files if not p.name.startswith("index.db")}

    before = state()
    exported(cache, NAME)
    exported(cache, NAME, form=Form.DOCKER, platforms=(ARM,))
    after = state()
    private = populated.path / ".cachedb"
    journal = {private / "journal.jsonl", private / "journal.lock"}
    assert after.keys() - before.keys() == journal
    assert {path: after[path] for path in after.keys() - journal} == before
    assert [(each.operation, each.names) for each in cache.log()] == [("export", (NAME,))] * 2
