"""A cache that linuxkit has made is adopted where it is: its files, its names, its habits."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cachedb.cache import Cache
from cachedb.errors import CacheError
from cachedb.linuxkit import Provider
from cachedb.oci import Platform
from cachedb.operations.archives.export import ExportOptions
from cachedb.operations.read.listing import Health
from tests import recorded
from tests.archive import build

# What linuxkit has imported although it is broken: it is listed, and said to be so. That an entry
# of index.json gives a wrong size (bad-desc-size) does not make its blobs wrong.
BROKEN = {"bad-layer-truncated", "bad-missing-layer", "bad-missing-manifest", "ix-missing-layer"}


@recorded.parameters(2)
def caches() -> list[Any]:
    """Return each cache that a version of linuxkit has left after an import."""
    folder = recorded.root() / "linuxkit"
    return [
        pytest.param(path.stem, json.loads(path.read_text()), id=f"{version}-{path.stem}")
        for version in ("seed", "head")
        for path in sorted((folder / version).glob("*.json"))
        # Those about file systems differ in nothing but their layers.
        if not path.stem.startswith("fs-") or path.stem == "fs-basic"
    ]


def restore(case: str, recording: Any, folder: Path) -> Path:
    """Write the files that linuxkit had written; blobs as the archive holds them."""
    archive = recorded.root() / "linuxkit" / "inputs" / f"{case}.tar"
    content = archive.read_bytes()
    members = {}
    try:
        for info, data in build.members(content):
            members[info.name] = data
    except Exception:  # noqa: BLE001  (some of the archives are cut)
        assert case.startswith("tar-")
    state = recording["after_import"]
    folder.mkdir()
    for name, about in state["files"].items():
        path = folder / name
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        elif name == "index.json":
            path.write_text(state["index_raw"])
        elif name == "oci-layout":
            path.write_text('{\n    "imageLayoutVersion": "1.0.0"\n}')
            assert path.stat().st_size == about["size"]
        elif name == ".lock":
            path.write_text("")
        else:
            path.write_bytes(members.get(name, b"x" * about["size"])[: about["size"]])
        if isinstance(about, dict):
            path.chmod(int(about["mode"], 8))
    return folder


@pytest.mark.recorded
@pytest.mark.parametrize(("case", "recording"), caches())
def test_a_cache_of_linuxkit_is_adopted_in_place_and_can_be_emptied(
    case: str, recording: Any, tmp_path: Path
) -> None:
    folder = restore(case, recording, tmp_path / "cache")
    before = (folder / "index.json").read_bytes()
    with Cache.open(folder) as cache:
        assert named(cache, case) == (
            dict.fromkeys(recording["ls"]) if case == "ix-dup-names" else recording["ls"]
        )
        for name in recording["ls"]:
            check_export(cache, case, name)
        assert (folder / "index.json").read_bytes() == before
        entries = cache.list()
        for each in entries:
            one = f"{each.name}@{each.digest}" if each.name else str(each.digest)
            cache.remove(cache.plan_removal([one]))
        assert cache.list() == []
        cache.collect(cache.plan_collection(grace=0))
        assert list(cache.layout.blobs.files()) == []
    value = json.loads((folder / "index.json").read_bytes())
    # linuxkit writes null for none, which the image-spec forbids.
    assert value["manifests"] == ([] if entries else json.loads(before)["manifests"])


def named(cache: Cache, case: str) -> dict[str, str | None]:
    """Return the names and digests; linuxkit itself lists the last of two of one name."""
    listed = ((each.name, str(each.digest)) for each in cache.list() if each.name is not None)
    return {name: None if case == "ix-dup-names" else digest for name, digest in listed}


def check_export(cache: Cache, case: str, name: str) -> None:
    """What is whole can be exported, and what is not is said to be broken."""
    if case == "ix-dup-names":
        return
    (listed,) = (each for each in cache.list() if each.name == name)
    is_broken = listed.health is Health.BROKEN or not cache.verify([name]).is_clean
    assert is_broken == (case in BROKEN)
    if not is_broken:
        plan = cache.plan_export([name], ExportOptions())
        assert b"".join(cache.export_chunks(plan))


@pytest.mark.recorded
def test_of_two_images_of_one_name_each_is_had_by_its_digest(tmp_path: Path) -> None:
    """What linuxkit answers about the name is about the first; an import here takes the last."""
    path = recorded.root() / "linuxkit" / "seed" / "ix-dup-names.json"
    recording = json.loads(path.read_text())
    ((name, answers),) = recording["names"].items()
    answer = answers["archs"]["amd64"]
    folder = restore("ix-dup-names", recording, tmp_path / "cache")
    with Provider(folder) as provider:
        first, last = (entry.digest for entry in provider.cache.list())
        if answers["find_root"]["digest"] != first:
            first, last = last, first
        assert (first, last) == (answers["find_root"]["digest"], recording["ls"][name])
        source = provider.new_source(str(first), Platform.parse("linux/amd64"))
        assert source.config() == answer["config"]["config"]
        assert source.sboms() == answer["sboms"]["sboms"]
        with source.v1_tar_reader(name) as reader:
            found = {info.name: content for info, content in build.members(reader.read())}
        listed = answer["export_docker"]["tar"]["entries"]
        assert list(found) == [entry["name"] for entry in listed]
        assert json.loads(found["manifest.json"]) == listed[-1]["json"]
        with provider.new_source(str(last)).v1_tar_reader(name) as reader:
            assert reader.read(512).partition(b"\0")[0].decode() not in found


def test_what_is_not_linuxkits_is_refused(tmp_path: Path) -> None:
    shutil.copytree(Path(__file__).parent, tmp_path / "folder")
    with pytest.raises(CacheError):
        Cache.open(tmp_path / "folder")
