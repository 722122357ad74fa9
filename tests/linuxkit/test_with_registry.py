"""The provider and a registry: pulling what is not valid here, pushing, asking."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cachedb.errors import PlatformNotFound, Refused, RegistryError
from cachedb.linuxkit import Provider
from cachedb.oci import Platform
from cachedb.registry.http.settings import Deadlines, RegistrySettings
from tests import build
from tests.conftest import APP, TOOL
from tests.registry.servers import docker_registry

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

NAME = "example.com/app:1"
AMD, ARM, V6, V7, RISCV = (
    Platform.parse(f"linux/{arch}") for arch in ("amd64", "arm64", "arm/v6", "arm/v7", "riscv64")
)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as server:
        yield server.host


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Provider]:
    with Provider(tmp_path / "other") as opened:
        yield opened


def test_what_was_pushed_can_be_pulled(provider: Provider, empty: Provider, host: str) -> None:
    remote = f"{host}/team/app:1"
    pushed = provider.push(NAME, remote)
    assert pushed.descriptor.digest == APP.digest
    assert provider.list().keys() == {NAME, "docker.io/library/tool:2"}
    assert empty.pull(remote) == ()
    assert empty.list() == {remote: APP.digest}
    assert empty.validate_image(remote, [AMD, ARM])


def test_names_for_platforms_do_not_collide(empty: Provider, tmp_path: Path, host: str) -> None:
    images = [build.image(build.layer(), arch="arm", variant=variant) for variant in ("v6", "v7")]
    tree = build.layout(tmp_path / "cache", {NAME: build.index(*images)})
    remote = f"{host}/team/arm:1"
    with Provider(tree.path) as source:
        pushed = source.push(NAME, remote, with_arch_specific_tags=True)
    tags = (f"{remote}-arm-v6", f"{remote}-arm-v7")
    assert tuple(map(str, pushed.arch_tags)) == tags
    assert tuple(map(str, empty.pull(remote, with_arch_references=True))) == tags
    assert {name: str(empty.list()[name]) for name in tags} == {
        name: image.digest for name, image in zip(tags, images, strict=True)
    }
    # linuxkit leaves them behind with missing blobs, and can never remove them.
    empty.remove(remote)
    assert empty.validate_image(tags[0], [V6])
    empty.remove(tags[0])
    assert empty.validate_image(tags[1], [V7])


def test_a_pull_by_digest_names_no_platform(
    provider: Provider, empty: Provider, host: str
) -> None:
    """linuxkit makes ``NAME@sha256:…-amd64`` of it."""
    pushed = provider.push(NAME, f"{host}/team/digest:1")
    pinned = f"{host}/team/digest@{pushed.descriptor.digest}"
    assert empty.pull(pinned, with_arch_references=True) == ()
    assert set(empty.list()) == {pinned}


def test_platforms_are_tagged_however_their_layers_are_compressed(
    tmp_path: Path, host: str
) -> None:
    """linuxkit passes over an image with a layer that is not compressed with gzip."""
    plain = build.layer({"a": "b"}, media_type=build.OCI_LAYER)
    packed = replace(
        plain, content=zstd.compress(plain.content), media_type=build.OCI_LAYER + "+zstd"
    )
    images = [build.image(plain), build.image(packed, arch="arm64"), build.image(arch="s390x")]
    tree = build.layout(tmp_path / "cache", {NAME: build.index(*images)})
    remote = f"{host}/team/compressed:1"
    with Provider(tree.path) as source:
        assert source.validate_image(NAME, [AMD, ARM])
        pushed = source.push(NAME, remote, with_arch_specific_tags=True)
    assert [str(tag).rpartition("-")[2] for tag in pushed.arch_tags] == ["amd64", "arm64", "s390x"]


def test_only_what_is_asked_for_is_pulled_and_only_once(
    provider: Provider, empty: Provider, host: str
) -> None:
    remote = f"{host}/team/once:1"
    provider.push(NAME, remote)
    empty.image_pull(remote, [ARM])
    here = {str(file.digest) for file in empty.cache.layout.blobs.files()}
    assert here < APP.digests
    assert not empty.image_in_cache(remote, AMD)
    assert empty.image_pull(remote, [ARM]).config() == {}
    with empty.image_pull(remote, [AMD]).tar_reader() as reader:
        assert reader.read()
    with pytest.raises(PlatformNotFound):
        empty.image_pull(remote, [RISCV])


def test_a_valid_image_needs_no_registry(provider: Provider) -> None:
    # example.com has no such image, and is not asked.
    assert provider.image_pull(NAME, [AMD, ARM]).descriptor() is not None


def test_an_image_that_is_not_valid_is_pulled_again(
    provider: Provider, empty: Provider, host: str, tmp_path: Path
) -> None:
    remote = f"{host}/team/heal:1"
    provider.push("tool:2", remote)
    empty.pull(remote)
    build.Tree(tmp_path / "other").truncate(TOOL.layers[0].digest)
    assert not empty.image_in_cache(remote)
    assert empty.image_pull(remote, [AMD])
    assert empty.image_in_cache(remote)


def test_pulling_always_goes_where_the_tag_went(
    provider: Provider, empty: Provider, host: str
) -> None:
    remote = f"{host}/team/moved:1"
    provider.push(NAME, remote)
    empty.image_pull(remote)
    provider.push("tool:2", remote, override=True)
    empty.image_pull(remote)
    assert empty.list()[remote] == APP.digest
    empty.image_pull(remote, always_pull=True)
    assert empty.list()[remote] == TOOL.digest


def test_another_image_behind_the_tag_is_not_replaced_unless_told(
    provider: Provider, host: str
) -> None:
    remote = f"{host}/team/taken:1"
    provider.push(NAME, remote)
    with pytest.raises(Refused):
        provider.push("tool:2", remote)
    assert provider.image_in_registry(remote, ARM)
    provider.push("tool:2", remote, override=True)
    assert not provider.image_in_registry(remote, ARM)
    assert provider.image_in_registry(remote, AMD)


def test_a_registry_says_yes_or_no_or_cannot_be_asked(provider: Provider, host: str) -> None:
    remote = f"{host}/team/asked:1"
    assert not provider.image_in_registry(remote)
    provider.push(NAME, remote)
    assert provider.image_in_registry(remote)
    assert provider.image_in_registry(f"{host}/team/asked@{APP.digest}", ARM)
    assert not provider.image_in_registry(remote, RISCV)
    impatient = RegistrySettings(deadlines=Deadlines(retries=0, connect_seconds=1))
    with (
        Provider(provider.cache.layout.root, impatient) as alone,
        pytest.raises(RegistryError),
    ):
        alone.image_in_registry("127.0.0.1:1/team/asked:1")
