"""Archives as they are written: as linuxkit has them, and as other tools read them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cachedb.archive import docker_archive, oci_archive
from cachedb.archive.docker_archive import ImageToWrite
from cachedb.errors import InvalidArchive
from cachedb.oci import Digest
from tests import recorded
from tests.archive import build
from tests.archive.images import Image, Store, load, load_whole
from tests.programs import require


def stored(*images: Image) -> Store:
    return Store({Digest.of(blob): blob for image in images for blob in image.blobs})


def sized(*blobs: bytes) -> list[tuple[Digest, int]]:
    return [(Digest.of(blob), len(blob)) for blob in blobs]


def to_write(image: Image, *tags: str) -> ImageToWrite:
    (config,), layers = sized(image.config), sized(image.layer)
    return ImageToWrite(config=config, layers=layers, tags=tags)


def oci(image: Image) -> bytes:
    return b"".join(oci_archive.stream(image.index_json, sized(*image.blobs), stored(image).open))


def docker(*images: ImageToWrite, store: Store) -> bytes:
    return b"".join(docker_archive.stream(images, store.open))


@recorded.parameters(2)
def exports(kind: str, version: str) -> list[Any]:
    """Find every recorded export that is whole, with the case that it is of."""
    found = []
    for path in sorted((recorded.root() / "linuxkit" / version).iterdir()):
        for name, answers in json.loads(path.read_text())["names"].items():
            for arch, answer in answers["archs"].items():
                listed = (answer.get(kind) or {}).get("tar", {}).get("entries", [])
                if any(each["name"] in {"manifest.json", "index.json"} for each in listed):
                    found.append(pytest.param(path.stem, listed, id=f"{name}-{arch}"))
    return found


def recorded_store(case: str) -> Store:
    archive = (recorded.root() / "linuxkit" / "inputs" / f"{case}.tar").read_bytes()
    store = Store()
    load(archive, store)
    return store


@pytest.mark.recorded
@pytest.mark.parametrize(("case", "listed"), exports("export_docker", "seed"))
def test_a_docker_archive_is_the_one_that_linuxkit_writes(case: str, listed: list[Any]) -> None:
    store = recorded_store(case)
    (image_json,) = listed[-1]["json"]

    def find(encoded: str) -> tuple[Digest, int]:
        digest = Digest(f"sha256:{encoded}")
        return digest, len(store.blobs[digest])

    image = ImageToWrite(
        config=find(image_json["Config"].removeprefix("sha256:")),
        layers=[find(layer.removesuffix(".tar.gz")) for layer in image_json["Layers"]],
        tags=image_json["RepoTags"] or [],
    )
    keys = {"json", "text"}
    expected = [{k: v for k, v in each.items() if k not in keys} for each in listed]
    written = docker(image, store=store)
    assert build.entries(written) == expected
    assert list(build.members(written))[-1][1].decode() == listed[-1]["text"]


@pytest.mark.recorded
@pytest.mark.parametrize(("case", "listed"), exports("export_oci", "head"))
def test_an_oci_archive_holds_what_linuxkit_writes(case: str, listed: list[Any]) -> None:
    store = recorded_store(case)
    expected = [each["name"] for each in listed if each["name"].startswith("blobs/sha256/")]
    digests = [Digest(name.removeprefix("blobs/").replace("/", ":")) for name in expected]
    index_json = listed[-1]["text"].encode()
    blobs = [(digest, len(store.blobs[digest])) for digest in digests]
    written = b"".join(oci_archive.stream(index_json, blobs, store.open))
    names = [each["name"] for each in build.entries(written)]
    assert names == list(dict.fromkeys(each["name"] for each in listed))


def test_an_oci_archive_reads_back_and_is_always_the_same() -> None:
    image, store = Image(), Store()
    written = oci(image)
    assert load_whole(written, store).index_json == image.index_json
    assert sorted(store.blobs.values()) == sorted(image.blobs)
    assert oci(image) == written


def test_a_blob_is_written_once() -> None:
    image = Image()
    store = stored(image)
    blobs = sized(*image.blobs) * 2
    assert b"".join(oci_archive.stream(image.index_json, blobs, store.open)) == oci(image)
    names = [
        each["name"]
        for each in build.entries(docker(to_write(image), to_write(image), store=store))
    ]
    assert len(names) == len(set(names)) == 3


def test_a_docker_archive_of_two_images_reads_back() -> None:
    one, two = Image(), Image(b"other\n")
    store = stored(one, two)
    written = docker(to_write(one, "one:1"), to_write(two), store=store)
    found = load_whole(written, Store())
    assert [image.tags for image in found.images] == [("one:1",), ()]
    assert [image.config.digest for image in found.images] == [
        Digest.of(one.config),
        Digest.of(two.config),
    ]


def test_a_blob_of_another_size_is_refused() -> None:
    image = Image()
    store = stored(image)
    digest = Digest.of(image.layer)
    for size in (len(image.layer) - 1, len(image.layer) + 1):
        with pytest.raises(InvalidArchive):
            list(oci_archive.stream(b"{}", [(digest, size)], store.open))


def run(*command: object) -> str:
    require(str(command[0]))
    return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout


def test_skopeo_reads_an_oci_archive(tmp_path: Path) -> None:
    image = Image()
    path = tmp_path / "image.tar"
    path.write_bytes(oci(image))
    policy = tmp_path / "policy.json"
    policy.write_text('{"default":[{"type":"insecureAcceptAnything"}]}')
    copy = tmp_path / "copy"
    run(
        "skopeo",
        "--policy",
        policy,
        "copy",
        "--preserve-digests",
        f"oci-archive:{path}",
        f"dir:{copy}",
    )
    assert (copy / "manifest.json").read_bytes() == image.manifest
    assert (copy / Digest.of(image.layer).encoded).read_bytes() == image.layer


def test_skopeo_reads_a_docker_archive(tmp_path: Path) -> None:
    image = Image()
    path = tmp_path / "image.tar"
    path.write_bytes(docker(to_write(image, "example.com/hello:1"), store=stored(image)))
    reference = f"docker-archive:{path}:example.com/hello:1"
    assert json.loads(run("skopeo", "inspect", "--config", "--raw", reference)) == json.loads(
        image.config
    )


def test_umoci_reads_an_oci_archive(tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    image = Image()
    named = image.index_json.replace(b"example.com/hello:1", b"latest")
    written = oci_archive.stream(named, sized(*image.blobs), stored(image).open)
    archive.write_bytes(b"".join(written))
    layout = tmp_path / "layout"
    layout.mkdir()
    run("tar", "-C", layout, "-xf", archive)
    assert run("umoci", "list", "--layout", layout).split() == ["latest"]
    bundle = tmp_path / "bundle"
    run("umoci", "unpack", "--rootless", "--image", f"{layout}:latest", bundle)
    assert (bundle / "rootfs" / "hello").read_bytes() == image.content
