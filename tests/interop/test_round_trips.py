"""What a tool writes beyond one image of one platform, used by ours and read by the tool again."""

import json
import shutil
from pathlib import Path

import pytest

from tests import build, recorded
from tests.cli.conftest import Run, run, succeed
from tests.interop.containers import Storage, containerd
from tests.interop.test_other_tools import OTHER, OTHER_NAME, Workshop, blobs, listed, touch
from tests.interop.tools import skopeo, umoci

__all__ = ["run"]  # a fixture

MULTI_NAME = "example.com/multi:1"
MULTI = build.multi_platform()
AMD64 = MULTI.document["manifests"][0]["digest"]

RECORDED = {
    "crane": "generated-tools/crane-annotated",
    "crane_without_names": "generated-tools/crane-index",
    "oras": "oras-e2e/artifacts",
    "oras_py": "oras-py/ocilayout2",
    "regctl": "regclient/external",
    "olareg": "olareg/testrepo",
    "buildkit": "stereoscope/multiplatform_oci_dir",
    "linuxkit": "generated-linuxkit/seed-cache",
}
"""Layouts that tools wrote which are not packaged for Debian, by the names in the page."""


def test_an_archive_of_one_platform_by_ctr_is_partial_and_goes_back(
    run: Run, tmp_path: Path
) -> None:
    source, archive, back = (tmp_path / name for name in ("source.tar", "ctr.tar", "ours.tar"))
    source.write_bytes(build.archive({MULTI_NAME: MULTI}))
    cache = tmp_path / "cache"
    with containerd() as daemon:
        daemon.ctr("images", "import", "--no-unpack", "--platform", "linux/amd64", source)
        daemon.ctr("images", "export", "--platform", "linux/amd64", archive, MULTI_NAME)
        succeed(run, cache, "import", archive)
        before = blobs(cache)
        assert listed(run, cache) == {MULTI_NAME: (MULTI.digest, "partial")}
        succeed(run, cache, "validate", "--platform", "linux/amd64")
        succeed(run, cache, "gc", "--grace", "0")
        assert blobs(cache) == before
        succeed(run, cache, "export", "--platform", "linux/amd64", "-o", back, MULTI_NAME)
        daemon.ctr("images", "rm", MULTI_NAME)
        daemon.ctr("images", "import", "--no-unpack", back)
        assert daemon.digests()[MULTI_NAME] == AMD64


def test_an_archive_of_several_images_by_podman_goes_back(run: Run, tmp_path: Path) -> None:
    shop, cache = Workshop.new(tmp_path / "shop"), tmp_path / "cache"
    names = ["example.com/hello:1", "example.com/hello:2"]
    for name in names:
        (shop.folder / "files" / "hello").write_text(name)
        shop.storage.build(name, shop.folder / "files", "docker")
    archive, back = tmp_path / "podman.tar", tmp_path / "ours.tar"
    shop.storage.podman("save", "-m", "--format", "docker-archive", "-o", archive, *names)
    succeed(run, cache, "import", archive)
    assert {name: state for name, (_, state) in listed(run, cache).items()} == dict.fromkeys(
        names, "complete"
    )
    succeed(run, cache, "export", "--format", "docker", "-o", back, *names)
    reader = Storage(tmp_path / "reader")
    reader.podman("load", "--input", back)
    assert reader.images() == shop.storage.images()


def test_umoci_tags_changes_and_removes_images_of_a_cache(run: Run, tmp_path: Path) -> None:
    cache = build.layout(tmp_path / "cache", {OTHER_NAME: OTHER}).path
    listed(run, cache)
    umoci("tag", "--image", f"{cache}:{OTHER_NAME}", "second")
    umoci("config", "--config.label", "a=b", "--image", f"{cache}:second", "--tag", "third")
    umoci("remove", "--image", f"{cache}:second")
    found = listed(run, cache)
    assert found.keys() == {OTHER_NAME, "third"}
    assert found[OTHER_NAME][0] == OTHER.digest != found["third"][0]
    succeed(run, cache, "rm", OTHER_NAME)
    succeed(run, cache, "gc", "--grace", "0")
    umoci("gc", "--layout", cache)
    assert listed(run, cache) == {"third": (found["third"][0], "complete")}
    succeed(run, cache, "verify")


@pytest.mark.recorded
@pytest.mark.parametrize("tool", RECORDED)
def test_a_recorded_layout_is_used_and_read_by_skopeo(tool: str, run: Run, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(recorded.root() / "vectors" / "layouts" / RECORDED[tool], cache)
    expected = next(
        case.values[0]["expect"]
        for case in recorded.cases("layouts", "upstream", "generated")
        if case.values[0]["layout"] == RECORDED[tool]
    )
    touch(run, cache, tmp_path)
    assert len(blobs(cache)) == expected["reachable"]
    succeed(run, cache, "verify")
    for number, entry in enumerate(build.Tree(cache).entries()):
        name = entry.get("annotations", {}).get(build.REF_NAME)
        if name is not None and _is_image(cache, entry["digest"]):
            target = tmp_path / f"copy{number}"
            skopeo("copy", "--all", "--preserve-digests", f"oci:{cache}:{name}", f"dir:{target}")


def _is_image(cache: Path, digest: str) -> bool:
    """Whether a document, and every one that it lists, is an OCI image that can be run."""
    path = cache / "blobs" / digest.replace(":", "/")
    document = json.loads(path.read_bytes())
    if "manifests" in document:
        children = [each["digest"] for each in document["manifests"]]
        return bool(children) and all(_is_image(cache, each) for each in children)
    return (
        document.get("mediaType", build.OCI_MANIFEST) == build.OCI_MANIFEST
        and document.get("config", {}).get("mediaType") == build.OCI_CONFIG
    )
