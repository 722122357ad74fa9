"""Other tools read what cachedb exports, for one platform, for some and for all."""

import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from cachedb.oci.platform.model import this_machine
from tests import build
from tests.interop.tools import skopeo, succeed, umoci
from tests.programs import extract, require

NAME, OTHER = "example.com/app:1", "docker.io/library/tool:2"
HERE = this_machine().architecture
ARCHS = dict.fromkeys(["amd64", "arm64", HERE, "riscv64"])
BASE = build.layer({"etc/motd": "hello\n", "bin/tool": "#!old"})
IMAGES = {
    arch: build.image(
        BASE,
        build.layer({"arch": arch, "bin/.wh.tool": "", "lib/added": "1"}),
        build.layer({"plain": arch}, media_type=build.OCI_LAYER),
        arch=arch,
    )
    for arch in ARCHS
}
APP = build.index(*IMAGES.values(), build.attestation(IMAGES[HERE]))
TOOL = build.image(BASE, arch=HERE)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = build.layout(tmp_path_factory.mktemp("cache") / "cache", {NAME: APP, OTHER: TOOL})
    return tree.path


def export(cache: Path, out: Path, *arguments: str) -> Path:
    succeed(cache, "export", "--outfile", out, *arguments)
    return out


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def inspected(reference: str) -> Any:
    return json.loads(skopeo("inspect", "--config", "--raw", reference))


def test_skopeo_copies_every_platform_of_a_whole_export(cache: Path, tmp_path: Path) -> None:
    archive = export(cache, tmp_path / "a.tar", NAME, OTHER)
    skopeo("copy", "--all", f"oci-archive:{archive}:{NAME}", f"dir:{tmp_path / 'copy'}")
    assert (tmp_path / "copy" / "manifest.json").read_bytes() == APP.root.content
    copied = set(files(tmp_path / "copy"))
    assert {digest.partition(":")[2] for digest in APP.digests - {APP.digest}} <= {
        name.removesuffix(".manifest.json") for name in copied
    }
    assert inspected(f"oci-archive:{archive}:{OTHER}")["architecture"] == HERE


def test_skopeo_copies_every_platform_of_a_partial_export(cache: Path, tmp_path: Path) -> None:
    archive = export(
        cache, tmp_path / "a.tar", "--platform", f"linux/{HERE}", "--arch", "riscv64", NAME
    )
    # Of an index that lists what is not there, skopeo copies nothing when asked for all.
    skopeo("copy", "--all", f"oci-archive:{archive}:{NAME}", f"dir:{tmp_path / 'copy'}")
    index = json.loads((tmp_path / "copy" / "manifest.json").read_bytes())
    listed = [each["platform"]["architecture"] for each in index["manifests"]]
    assert sorted(listed) == sorted([HERE, "riscv64", "unknown"])
    assert inspected(f"oci-archive:{archive}")["architecture"] == HERE


@pytest.mark.parametrize("arch", ARCHS)
def test_skopeo_and_umoci_read_one_platform(cache: Path, tmp_path: Path, arch: str) -> None:
    archive = export(cache, tmp_path / "a.tar", "--arch", arch, "--name", "x.io/y:z", NAME)
    assert inspected(f"oci-archive:{archive}:x.io/y:z")["architecture"] == arch
    with tarfile.open(archive) as found:
        extract(found, tmp_path / "layout")
    assert umoci("list", "--layout", tmp_path / "layout").split() == ["x.io/y:z"]
    umoci(
        "unpack", "--rootless", "--image", f"{tmp_path / 'layout'}:x.io/y:z", tmp_path / "bundle"
    )
    assert tree_of(tmp_path / "bundle" / "rootfs") == expected(arch)


def test_skopeo_reads_a_docker_archive_of_several_images(cache: Path, tmp_path: Path) -> None:
    archive = export(cache, tmp_path / "d.tar", "--format", "docker", NAME, OTHER)
    for name, image in ((NAME, IMAGES[HERE]), (OTHER, TOOL)):
        reference = f"docker-archive:{archive}:{name}"
        assert inspected(reference) == json.loads(image.config.content)
        skopeo("copy", reference, f"oci:{tmp_path / 'layout'}:{image.digest[7:19]}")
    bundle = tmp_path / "bundle"
    tag = IMAGES[HERE].digest[7:19]
    umoci("unpack", "--rootless", "--image", f"{tmp_path / 'layout'}:{tag}", bundle)
    assert tree_of(bundle / "rootfs") == expected(HERE)


def test_what_skopeo_copies_comes_back_as_it_was(cache: Path, tmp_path: Path) -> None:
    archive = export(cache, tmp_path / "a.tar", NAME)
    copy = f"oci-archive:{tmp_path / 'b.tar'}:{NAME}"
    skopeo("copy", "--all", "--preserve-digests", f"oci-archive:{archive}", copy)
    told = succeed(tmp_path / "other", "import", tmp_path / "b.tar")
    assert told == f"{NAME}  {APP.digest}  imported\n"
    assert build.Tree(tmp_path / "other").blobs() == APP.digests


@pytest.mark.parametrize("tool", ["tar", "bsdtar"])
@pytest.mark.parametrize("arch", ARCHS)
def test_the_tree_of_a_platform_can_be_extracted(
    cache: Path, tmp_path: Path, arch: str, tool: str
) -> None:
    require(tool)
    archive = export(
        cache, tmp_path / "rootfs.tar", "--format", "filesystem", "--arch", arch, NAME
    )
    target = tmp_path / "rootfs"
    target.mkdir()
    program = str(shutil.which(tool))
    subprocess.run([program, "-C", target, "-xpf", archive], check=True, capture_output=True)
    assert tree_of(target) == expected(arch)


def test_what_umoci_inserts_can_be_exported(tmp_path: Path) -> None:
    (tmp_path / "files" / "etc").mkdir(parents=True)
    (tmp_path / "files" / "etc" / "motd").write_text("hello\n")
    layout = tmp_path / "layout"
    umoci("init", "--layout", layout)
    umoci("new", "--image", f"{layout}:new")
    umoci("insert", "--rootless", "--image", f"{layout}:new", tmp_path / "files", "/")
    archive = export(layout, tmp_path / "rootfs.tar", "--format", "filesystem", "new")
    with tarfile.open(archive) as found:
        extract(found, tmp_path / "rootfs")
    assert tree_of(tmp_path / "rootfs") == {"etc/motd": "hello\n"}


def tree_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def expected(arch: str) -> dict[str, str]:
    return {"etc/motd": "hello\n", "arch": arch, "lib/added": "1", "plain": arch}
