"""Sources: the configuration, the SBOMs and the archives of an image."""

import io
import json
import tarfile

import pytest

from cachedb.errors import PlatformNotFound, RefNotFound
from cachedb.linuxkit import Provider
from cachedb.oci import Platform
from tests import build
from tests.conftest import APP, TOOL

NAME, TOOL_NAME = "example.com/app:1", "docker.io/library/tool:2"
AMD, ARM, RISCV = (Platform.parse(f"linux/{arch}") for arch in ("amd64", "arm64", "riscv64"))


def names(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as found:
        return found.getnames()


def member(archive: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as found:
        extracted = found.extractfile(name)
        assert extracted is not None
        return extracted.read()


def test_a_source_is_made_without_looking(provider: Provider) -> None:
    source = provider.new_source("example.com/nope:1", AMD)
    assert source.descriptor() is None
    with pytest.raises(RefNotFound):
        source.config()
    given = provider.find_root(NAME).descriptor
    assert provider.new_source(NAME, AMD, given).descriptor() is given
    assert provider.new_index_source(NAME, given).descriptor() is given


def test_the_config_is_that_of_the_platform(provider: Provider) -> None:
    assert provider.new_source(NAME, AMD).config() == {"Labels": {"team": "red"}, "Env": ["A=1"]}
    assert provider.new_source(NAME, ARM).config() == {}
    with pytest.raises(PlatformNotFound):
        provider.new_source(NAME, RISCV).config()
    with pytest.raises(PlatformNotFound):
        provider.new_source(TOOL_NAME, ARM).config()


def test_without_a_platform_it_is_the_one_of_an_image(provider: Provider) -> None:
    assert provider.new_source(TOOL_NAME).config() == {"Labels": {"team": "blue"}}


def test_the_tree_is_read_like_a_file(provider: Provider) -> None:
    with provider.new_source(NAME, ARM).tar_reader() as reader:
        whole = b"".join(iter(lambda: reader.read(777), b""))
        assert reader.read() == b""
    assert names(whole) == ["bin", "bin/sh", "app"]
    assert member(whole, "app") == b"arm64"


def test_a_reader_can_be_left_early(provider: Provider) -> None:
    reader = provider.new_source(NAME, ARM).tar_reader()
    assert len(reader.read(100)) == 100
    reader.close()
    with pytest.raises(ValueError, match="closed"):
        reader.read()


def test_the_archive_for_docker_has_the_name_that_was_given(provider: Provider) -> None:
    source = provider.new_source(NAME, AMD)
    with source.v1_tar_reader() as one, source.v1_tar_reader("other:2") as other:
        tags = [json.loads(member(r.read(), "manifest.json"))[0]["RepoTags"] for r in (one, other)]
    assert tags == [[NAME], ["docker.io/library/other:2"]]


def test_the_oci_archive_holds_one_platform(provider: Provider) -> None:
    with provider.new_source(NAME, ARM).oci_tar_reader("x.io/new:1") as reader:
        whole = reader.read()
    (entry,) = json.loads(member(whole, "index.json"))["manifests"]
    assert entry["digest"] == APP.document["manifests"][1]["digest"]
    assert entry["annotations"][build.REF_NAME] == "x.io/new:1"


def test_an_index_holds_all_platforms_or_some(tree: build.Tree) -> None:
    images = [
        build.image(build.layer({"a": arch}), arch=arch) for arch in ("amd64", "arm64", "386")
    ]
    whole = tree.add(build.index(*images), NAME)
    with Provider(tree.path) as provider:
        with provider.new_index_source(NAME).oci_tar_reader() as reader:
            listed = names(reader.read())
        with provider.new_index_source(NAME, platforms=[AMD, ARM]).oci_tar_reader() as reader:
            partial = names(reader.read())
    # linuxkit writes what is shared once for each platform, and keeps the index whole.
    assert len(listed) == len(set(listed))
    assert {n.rpartition("/")[2] for n in listed} >= {d[7:] for d in whole.digests}
    assert images[2].config.digest[7:] not in {n.rpartition("/")[2] for n in partial}
    assert whole.digest[7:] not in {n.rpartition("/")[2] for n in partial}


def test_an_index_gives_the_very_variant(tree: build.Tree) -> None:
    v6, v7 = (
        build.image(build.layer(), arch="arm", variant=variant, labels={"v": variant})
        for variant in ("v6", "v7")
    )
    tree.add(build.index(v6, v7), NAME)
    with Provider(tree.path) as provider:
        found = provider.new_index_source(NAME).image(Platform.parse("linux/arm/v7"))
        assert found.config()["Labels"] == {"v": "v7"}  # linuxkit: v6


@pytest.mark.parametrize("form", ["annotated", "artifact"])
def test_sboms_are_found_in_both_forms(tree: build.Tree, form: str) -> None:
    image = build.image()
    attest = build.attestation if form == "annotated" else build.attestation_artifact
    statement = attest(image, predicate="https://spdx.dev/Document")
    tree.add(build.index(image, statement, build.attestation(image)), NAME)
    with Provider(tree.path) as provider:
        assert provider.new_source(NAME, AMD).sboms() == [b"{}"]
        assert provider.new_source(NAME).sboms() == [b"{}"]
        with pytest.raises(PlatformNotFound):
            provider.new_source(NAME, RISCV).sboms()


def test_a_document_that_is_there_in_both_forms_is_told_once(tree: build.Tree) -> None:
    image = build.image()
    both = [
        attest(image, predicate="https://spdx.dev/Document")
        for attest in (build.attestation, build.attestation_artifact)
    ]
    assert both[0].layers == both[1].layers
    tree.add(build.index(image, *both), NAME)
    with Provider(tree.path) as provider:
        assert provider.new_source(NAME, AMD).sboms() == [b"{}"]


def test_an_image_without_sboms_has_none(provider: Provider) -> None:
    assert provider.new_source(TOOL_NAME, AMD).sboms() == []
    assert TOOL.digest in provider.list().values()
