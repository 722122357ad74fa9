"""What a merged index keeps where no recording says it; the recorded pairs are conformance."""

import json
from dataclasses import replace

import pytest

from cachedb.errors import InvalidManifest
from cachedb.oci import MediaType, Platform
from cachedb.oci.index_merge import IndexDocument, MergeClues, append_index
from tests import build

AMD = build.image(build.layer({"a": "1"}))
NEW_AMD = build.image(build.layer({"a": "2"}))
ARM = build.image(build.layer({"b": "1"}), arch="arm64", variant="v8")


def document(*things: build.Thing, **more: object) -> IndexDocument:
    value = build.index(*things).document | more
    return IndexDocument.parse(build.to_json(value), MediaType(build.OCI_INDEX))


def windows(version: str, content: str) -> build.Thing:
    platform = build.platform_of("amd64", "windows", os_version=version)
    return build.image(build.layer({"w": content}), os="windows", declared=platform)


def test_another_build_of_windows_is_another_platform() -> None:
    old, new = windows("10.0.17763.1", "old"), windows("10.0.20348.1", "new")
    assert append_index(document(new), document(old)).digests == {old.digest, new.digest}


def test_a_patch_of_windows_replaces_the_one_before() -> None:
    old, new = windows("10.0.17763.1", "old"), windows("10.0.17763.2", "new")
    assert append_index(document(new), document(old)).digests == {new.digest}


def test_an_image_with_other_features_is_another_platform() -> None:
    plain = build.platform_of("amd64")
    one = build.image(build.layer({"f": "1"}), declared=plain | {"os.features": ["erofs"]})
    assert append_index(document(NEW_AMD), document(one)).digests == {NEW_AMD.digest, one.digest}


@pytest.mark.parametrize("variant", ["", "v8"])
def test_a_variant_that_goes_without_saying_is_the_same_platform(variant: str) -> None:
    new = build.image(build.layer({"b": "2"}), arch="arm64", variant=variant)
    assert append_index(document(new), document(ARM)).digests == {new.digest}


def test_what_has_no_platform_and_is_about_nothing_is_kept() -> None:
    chart = build.artifact(build.layer({"chart": "1"}))
    merged = append_index(document(NEW_AMD), document(AMD, chart))
    assert merged.digests == {NEW_AMD.digest, chart.digest}


def test_what_refers_to_an_image_that_was_replaced_goes_with_it() -> None:
    about_old, about_arm = build.attestation_artifact(AMD), build.attestation_artifact(ARM)
    clues = MergeClues({about_old.digest: AMD.digest, about_arm.digest: ARM.digest})
    theirs = document(about_arm, about_old, AMD, ARM)
    merged = append_index(document(NEW_AMD), theirs, clues)
    assert [each.descriptor.digest for each in merged.entries] == [
        NEW_AMD.digest,
        ARM.digest,
        about_arm.digest,
    ]


def silent(thing: build.Thing) -> build.Thing:
    return replace(thing, platform=None)


@pytest.mark.parametrize("ours", [NEW_AMD, silent(NEW_AMD)], ids=["declared", "silent"])
@pytest.mark.parametrize("theirs", [AMD, silent(AMD)], ids=["declared", "silent"])
def test_an_image_is_replaced_where_only_a_config_has_its_platform(
    ours: build.Thing, theirs: build.Thing
) -> None:
    amd = Platform.parse("linux/amd64")
    clues = MergeClues(platforms={AMD.digest: amd, NEW_AMD.digest: amd})
    merged = append_index(document(ours), document(theirs, ARM), clues)
    assert [each.descriptor.digest for each in merged.entries] == [ours.digest, ARM.digest]


def test_an_index_that_is_listed_twice_is_kept_once() -> None:
    inner = build.index(ARM)
    merged = append_index(document(NEW_AMD), document(inner, inner))
    assert [each.descriptor.digest for each in merged.entries] == [NEW_AMD.digest, inner.digest]


def test_unknown_fields_stay() -> None:
    ours = document(NEW_AMD, annotations={"b": "2", "a": "1"}, future={"x": 1})
    theirs = build.index(ARM).document
    theirs["manifests"][0]["future"] = "kept"
    other = IndexDocument.parse(build.to_json(theirs), MediaType(build.OCI_INDEX))

    found = json.loads(append_index(ours, other).content)

    assert found["annotations"] == {"a": "1", "b": "2"}
    assert list(found["annotations"]) == ["a", "b"]
    assert (found["future"], found["manifests"][1]["future"]) == ({"x": 1}, "kept")


def test_the_media_type_is_that_of_ours() -> None:
    docker = IndexDocument.parse(
        build.index(NEW_AMD, docker=True).root.content, MediaType(build.DOCKER_LIST)
    )
    merged = append_index(docker, document(ARM))
    assert merged.media_type == json.loads(merged.content)["mediaType"] == build.DOCKER_LIST


def test_a_document_that_is_no_index_is_refused() -> None:
    with pytest.raises(InvalidManifest):
        IndexDocument.parse(AMD.root.content, MediaType(build.OCI_INDEX))


def test_nothing_listed_is_nothing_kept() -> None:
    empty = b'{"schemaVersion":2,"manifests":null}'
    found = IndexDocument.parse(empty, MediaType(build.OCI_INDEX))
    assert append_index(document(AMD), found).digests == {AMD.digest}
    assert append_index(found, document(AMD)).content == document(AMD).content
