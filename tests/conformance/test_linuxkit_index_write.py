"""IndexWrite and DescriptorWrite as linuxkit was seen to do them, byte for byte."""

import json
from pathlib import Path
from typing import Any

import pytest

from cachedb.errors import CacheError
from cachedb.layout.index_json import IndexJson
from cachedb.linuxkit import Provider
from cachedb.oci import Descriptor, Digest
from cachedb.oci.json_fields import Fields
from tests import build, facts


def descriptor(value: dict[str, Any]) -> Descriptor:
    return Descriptor.from_fields(Fields(value))


def entries(content: bytes) -> list[Any]:
    return [entry.json for entry in IndexJson.parse(content).entries]


def perform(provider: Provider, step: dict[str, Any]) -> Descriptor:
    arguments = [descriptor(value) for value in step["args"]]
    if step["op"] == "descriptor-write":
        return provider.descriptor_write(step["ref"], *arguments)
    return provider.index_write(step["ref"], *arguments)


@pytest.mark.parametrize("row", facts.cases("linuxkit_index_write"))
def test_a_sequence_of_writes_gives_what_linuxkit_made_of_it(
    row: dict[str, Any], tmp_path: Path
) -> None:
    with Provider(tmp_path / "cache") as provider:
        for step in row["steps"]:
            if "error" in step["result"]:
                with pytest.raises(CacheError):
                    perform(provider, step)
            else:
                written = perform(provider, step)
                # Newer versions return nothing.
                assert written.to_json() == step["result"].get("descriptor", written.to_json())
            assert entries(provider.cache.layout.read_index_json()) == step["entries"]
            for digest, document in step["indexes"].items():
                content = provider.get_content(Digest(digest)).read()
                if document == "BLOB MISSING":
                    # linuxkit has deleted the index of another name here (§4 D2); it is whole.
                    assert row["id"].endswith("two-names-one-index")
                    assert Digest.of(content) == digest
                else:
                    assert json.loads(content) == document


def image(number: int, architecture: str, **more: str) -> Descriptor:
    return descriptor(
        {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": str(Digest.of(bytes([number]))),
            "size": 1,
            "platform": {"os": "linux", "architecture": architecture, **more},
        }
    )


def listed(provider: Provider, name: str) -> list[Descriptor]:
    return list(provider.find_root(name).image_index().manifests)


V6, V7, V8 = (image(n, "arm", variant=f"v{n}") for n in (6, 7, 8))
NAME = "example.com/x:v1"


def test_variants_are_kept_apart(tmp_path: Path) -> None:
    with Provider(tmp_path / "cache") as provider:
        provider.index_write(NAME, V6)
        provider.index_write(NAME, V7)
        provider.index_write(NAME, V6, V7)
        assert listed(provider, NAME) == [V6, V7]


def test_an_implied_variant_is_the_same_platform(tmp_path: Path) -> None:
    older, newer = image(1, "arm64"), image(2, "arm64", variant="v8")
    with Provider(tmp_path / "cache") as provider:
        provider.index_write(NAME, older, V6)
        provider.index_write(NAME, newer)
        assert listed(provider, NAME) == [newer, V6]


def test_new_images_stand_in_the_order_in_which_they_were_given(tmp_path: Path) -> None:
    images = [image(n, arch) for n, arch in enumerate("s390x amd64 riscv64 arm64 386".split())]
    with Provider(tmp_path / "cache") as provider:
        provider.index_write(NAME, V7)
        first = provider.index_write(NAME, *images)
        assert listed(provider, NAME) == [V7, *images]
    with Provider(tmp_path / "again") as provider:
        provider.index_write(NAME, V7)
        assert provider.index_write(NAME, *images) == first


def test_a_docker_list_stays_one(tmp_path: Path) -> None:
    tree = build.layout(tmp_path / "cache")
    tree.add(build.index(build.image(docker=True), docker=True), NAME)
    with Provider(tree.path) as provider:
        written = provider.index_write(NAME, V7)
        assert written.media_type == build.DOCKER_LIST
        assert json.loads(provider.get_content(written.digest).read())["mediaType"] == (
            build.DOCKER_LIST
        )
